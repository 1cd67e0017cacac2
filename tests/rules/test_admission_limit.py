"""admission-limit: requests that wait although the KV cache has room for them."""

from __future__ import annotations

import math

import pytest

from infprof import diagnose
from infprof.profiler.importers.metrics_page import recording_of
from infprof.rules.finding import Outcome
from tests import engine_pages
from tests.metrics_pages import histogram, vllm
from tests.rules.watched import SECOND, verdict_on, without

RULE = "admission-limit"


def pages(
    *,
    queue_s: float = 1.5,
    waiting: tuple[float, ...] = (24,) * 6,
    kv_use: float | None = 0.3,
    running: float = 8,
) -> list[str]:
    """One a second."""
    return [
        vllm(10 * (place + 1), queue_s=queue_s, waiting=count, kv_use=kv_use,
             num_requests_running=running)
        for place, count in enumerate(waiting)
    ]  # fmt: skip


def test_a_limit_below_the_cache_is_found() -> None:
    (finding,) = verdict_on(RULE, *pages()).findings
    assert finding.stage == "queue" and finding.saving.confidence == "C"
    assert "24 on average, while 8 run and 30 % of the KV cache" in finding.why
    # three times as many run, of 32 there: each stays a third of the 2 s
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 1_333_333_333)


def test_no_more_is_saved_than_is_waited() -> None:
    (finding,) = verdict_on(RULE, *pages(queue_s=0.5)).findings
    assert finding.saving.high_ns == SECOND // 2


def test_with_room_for_all_that_are_there_none_need_wait() -> None:
    (finding,) = verdict_on(RULE, *pages(kv_use=0.2, queue_s=1.7)).findings
    assert finding.saving.high_ns == 1_700_000_000  # 36 of 32


def test_an_empty_cache_has_room_for_all() -> None:
    (finding,) = verdict_on(RULE, *pages(kv_use=0.0, queue_s=1.7)).findings
    assert finding.saving.high_ns == 1_700_000_000 and "many more" in finding.why


@pytest.mark.parametrize(
    "quiet",
    [
        {"kv_use": 0.71},  # the cache could be what keeps them out
        {"waiting": (24, 0, 0, 0, 0, 0)},  # a burst
        {"queue_s": 0.05, "waiting": (24,)},  # nothing to gain, however often
        {"running": 0},  # the engine stands still
    ],
)
def test_otherwise_it_is_silent(quiet: dict[str, object]) -> None:
    assert verdict_on(RULE, *pages(**quiet)).outcome is Outcome.CLEAR  # type: ignore[arg-type]


def with_prompts(largest: int) -> list[str]:
    """Steps of up to so many tokens, and gaps between tokens, some of them ten times as long."""
    return [
        page
        + histogram("vllm:iteration_tokens_total",
                    {"8": 900 * n, str(largest): 1000 * n, "+Inf": 1000 * n},
                    90 * n * largest)
        + histogram("vllm:inter_token_latency_seconds",
                    {"0.02": 900 * n, "0.2": 1000 * n, "+Inf": 1000 * n}, 30 * n)
        for n, page in enumerate(without("inter_token", pages()), 1)
    ]  # fmt: skip


def test_steps_full_of_prompts_are_another_limit() -> None:
    assert verdict_on(RULE, *with_prompts(4096)).outcome is Outcome.CLEAR
    assert verdict_on(RULE, *with_prompts(512)).outcome is Outcome.FOUND


def test_a_few_pages_do_not_tell_how_often() -> None:
    verdict = verdict_on(RULE, *pages(waiting=(24,) * 4))
    assert verdict.outcome is Outcome.UNKNOWN and "too few pages" in verdict.reason


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"kv_use": None}, "how full its KV cache is"),
        ({"running": math.nan}, "how many requests are running"),
        ({"waiting": (math.nan,) * 6}, "how many requests are waiting"),
    ],
)
def test_what_is_not_told_is_open(told: dict[str, object], reason: str) -> None:
    verdict = verdict_on(RULE, *pages(**told))  # type: ignore[arg-type]
    assert verdict.outcome is Outcome.UNKNOWN and reason in verdict.reason


def test_a_server_of_other_models_has_no_kv_cache() -> None:
    found = [engine_pages.triton(10 * count) for count in range(1, 7)]
    assert verdict_on(RULE, *found).outcome is Outcome.CLEAR


def test_the_queue_is_promised_once() -> None:
    report = diagnose(recording_of("host", pages(), 5 * SECOND))
    promised = [(one.rule, round(one.saving.high_ms)) for one in report.findings]
    assert promised == [("admission-limit", 1333), ("server-queue", 167)]
    assert "Another finding explains 1.33 s of it" in report.findings[1].why
    assert report.verdict.limit == "queue-bound"
    assert report.outlook[-1].wall_ms == pytest.approx(500)
