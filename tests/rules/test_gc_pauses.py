"""gc-pauses: requests that the garbage collector stops."""

from __future__ import annotations

from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "gc-pauses"
WALL_US = 50_000
PAUSE = "range python:garbage collection"


def serving(paused: dict[int, int], requests: int = 100, phase: str = "plain") -> str:
    """Requests of 50 ms; some, by number, have a pause of so many microseconds on top."""
    text, start = "", 0
    for number in range(requests):
        pause = paused.get(number, 0)
        end = start + WALL_US + pause
        text += f"main: {start}-{end} request {phase}\n"
        if pause:
            text += f"main: {start + 1000}-{start + 1000 + pause} {PAUSE}\n"
            text += f"main: {start + 1000}-{start + 1000 + pause} stack 5 serve.py:31:parse\n"
        start = end
    return text


def test_rare_long_pauses_make_the_tail() -> None:
    text = serving({10: 100_000, 60: 100_000})
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    # 200 ms in 5200 ms are 3.8 % of the mean, but twice in a hundred requests
    assert finding.saving.high_ns < 0.05 * WALL_US * 1000
    assert "2 of 100 requests for 100.0 ms each" in finding.why
    assert "99th percentile 150.0 ms, and 50.0 ms without" in finding.why
    assert finding.where[0].name == "garbage collection" and finding.where[0].count == 0.02
    assert finding.where[1].name == "parse (serve.py:31)"
    assert finding.stage == "python"
    compile(finding.fix.code, "fix", "exec")


def test_frequent_pauses_are_a_share_of_the_mean() -> None:
    text = serving({number: 5_000 for number in range(100)})
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.saving.high_ns == 5_000_000 and finding.saving.low_ns == 0


def test_traced_requests_serve_where_no_others_are() -> None:
    text = serving({number: 5_000 for number in range(10)}, requests=10, phase="traced")
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.saving.high_ns == 5_000_000


def test_short_and_rare_pauses_are_left_alone() -> None:
    text = serving({number: 1_500 for number in range(0, 100, 4)})
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR
    text = serving({number: 10_000 for number in (10, 60)})  # 1.2 times the median
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR
    text = serving({10: 100_000, 160: 100_000}, requests=400)  # half a per cent
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_a_collection_on_another_thread_stops_the_requests_too() -> None:
    lines = serving({10: 100_000, 60: 100_000}).splitlines()
    text = "\n".join(one.replace("main", "t2") if "garbage" in one else one for one in lines)
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.FOUND


def test_pauses_outside_of_requests_harm_nobody() -> None:
    text = f"main: 0-1000 request plain | main: 5000-6000 request plain | main: 1000-5000 {PAUSE}"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_a_request_that_is_slow_for_another_reason_is_not_hit() -> None:
    text = serving({10: 2_500, 60: 2_500}, requests=90)
    late = 90 * WALL_US + 5_000
    for number in range(10):  # slow, with a pause that is a tenth of the delay
        start = late + number * 80_000
        text += (
            f"main: {start}-{start + 80_000} request plain\nmain: {start}-{start + 3000} {PAUSE}\n"
        )
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_a_program_without_pauses_is_clear() -> None:
    assert verdict_of(RULE, recording(serving({}), gpus=())).outcome is Outcome.CLEAR


def test_unknown_after_a_single_pause() -> None:
    verdict = verdict_of(RULE, recording(serving({3: 100_000}, requests=20), gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN and "single pause" in verdict.reason


def test_unknown_where_nobody_listened() -> None:
    verdict = verdict_of(RULE, recording(serving({}), gpus=(), kind="trace"))
    assert verdict.outcome is Outcome.UNKNOWN
    quiet = recording(serving({}), gpus=(), missing={"gc": "it was not watched"})
    assert verdict_of(RULE, quiet).reason == "it was not watched"
