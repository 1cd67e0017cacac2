"""invalid-load-test: load tests whose numbers do not show what users would see."""

from __future__ import annotations

from typing import Any

import pytest

from infprof.profiler.importers.load_result import recording_of
from infprof.profiler.loads.load import Level, Load, PhaseTimes, together
from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "invalid-load-test"
S = 1_000_000_000


def level(mean_s: float = 1.0, delay_s: float | None = None, **told: Any) -> Level:
    """An open loop of 600 requests in a minute, at ten a second, all well."""
    times = {"request": PhaseTimes(mean_ns=round(mean_s * S))}
    if delay_s is not None:
        times["send_delay"] = PhaseTimes(mean_ns=round(delay_s * S))
    known = {
        "requests": 600, "failed": 0, "window_ns": 60 * S, "achieved_per_s": 10.0,
        "offered_per_s": 10.0, "arrivals": "open",
    }  # fmt: skip
    return Level.model_validate({**known, **told, "times": times})


def users(concurrency: int | None, arrivals: str = "closed", **told: Any) -> Level:
    return level(concurrency=concurrency, arrivals=arrivals, offered_per_s=None, **told)


def judged(*levels: Level) -> Verdict:
    load = together("tool", list(levels))
    return verdict_of(RULE, recording_of("result.json", load))


def why(*levels: Level) -> str:
    (finding,) = judged(*levels).findings
    assert finding.saving.high_ns == 0 and finding.saving.basis == "none"
    return finding.why


def test_an_open_loop_that_kept_up_is_valid() -> None:
    assert judged(level()).outcome is Outcome.CLEAR


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"failed": 29}, "CLEAR"), ({"failed": 30}, "FOUND"),
        ({"dropped": 6}, "CLEAR"), ({"dropped": 7}, "FOUND"),
        ({"generator_cpu": 0.8}, "CLEAR"), ({"generator_cpu": 0.81}, "FOUND"),
        ({"offered_per_s": 11.0}, "CLEAR"), ({"offered_per_s": 11.5}, "FOUND"),
        ({"delay_s": 0.09}, "CLEAR"), ({"delay_s": 0.11}, "FOUND"),
        ({"failed": None}, "CLEAR"), ({"offered_per_s": None}, "CLEAR"),
    ],
)  # fmt: skip
def test_each_threshold(told: dict[str, Any], outcome: str) -> None:
    assert judged(level(**told)).outcome.value == outcome


def test_the_answers_after_the_last_request_do_not_lower_the_rate() -> None:
    slow = level(mean_s=30.0, requests=600, offered_per_s=20.0)
    assert judged(slow).outcome is Outcome.CLEAR  # all were sent in the first half minute


def test_few_requests_tell_no_rate() -> None:
    assert judged(level(requests=4, offered_per_s=100.0, delay_s=9)).outcome is Outcome.CLEAR


def test_a_fixed_number_of_users_is_their_own_limit() -> None:
    assert "10 users waited for each answer" in why(users(10))
    assert "1 user waited" in why(users(1))
    assert "A fixed number of users" in why(users(None))
    assert "10 requests a second" in why(users(10))


def test_all_at_once_measures_a_backlog() -> None:
    assert "at once" in why(users(None, "at once"))


def test_users_who_pause_are_a_limit_only_if_they_hardly_do() -> None:
    assert judged(users(11, "paced")).outcome is Outcome.FOUND  # 10 of them wait on average
    assert judged(users(12, "paced")).outcome is Outcome.CLEAR
    assert judged(users(None, "paced")).outcome is Outcome.UNKNOWN


def test_a_sweep_is_legitimate() -> None:
    assert judged(users(1), users(2), users(4)).outcome is Outcome.CLEAR
    rates = [level(offered_per_s=rate) for rate in (5.0, 10.0, 40.0)]
    assert judged(*rates).outcome is Outcome.CLEAR  # not to keep up is what it looks for


def test_but_not_one_whose_requests_fail() -> None:
    named = [users(2, label="two", failed=300), users(4, label="four", failed=600)]
    text = why(users(1, label="one"), *named)
    assert text == "At two: 300 of 600 requests (50 %) failed. The same holds for 1 more of the 3."


def test_repeats_of_one_setting_are_no_sweep() -> None:
    assert "1 more of the 2" in why(users(8), users(8))


def test_where_all_failed_nothing_is_said_of_the_loop() -> None:
    assert "600 of 600 requests (100 %) failed" in why(users(8, failed=600))


def test_what_no_file_tells_is_open() -> None:
    verdict = judged(level(arrivals=None, offered_per_s=None))
    assert verdict.outcome is Outcome.UNKNOWN and "tool does not tell" in verdict.reason


def test_entries_are_judged_together() -> None:
    entry = level(label="GET /", requests=10, failed=10)
    load = Load(tool="tool", parts=[entry, level()], parts_are="entries", **dict(level()))
    assert verdict_of(RULE, recording_of("result", load)).outcome is Outcome.CLEAR


def test_other_recordings_have_no_load_test() -> None:
    verdict = verdict_of(RULE, recording("main: 0-100 request"))
    assert verdict.outcome is Outcome.CLEAR and "does not apply" in verdict.reason
