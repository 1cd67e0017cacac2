"""kv-cache-pressure: requests that wait for room in the KV cache, or are thrown out of it."""

from __future__ import annotations

from infprof import diagnose
from infprof.profiler.importers.metrics_page import recording_of
from infprof.rules.finding import Outcome
from tests import engine_pages
from tests.metrics_pages import vllm
from tests.rules.watched import SECOND, verdict_on, without

RULE = "kv-cache-pressure"
SETTINGS = 'vllm:cache_config_info{gpu_memory_utilization="0.3",cache_dtype="auto"} 1\n'


def full(count: int = 6, *, waiting: int = 24, kv_use: float = 0.97) -> list[str]:
    """Pages of a server whose requests wait half of their 2 s."""
    return [
        vllm(10 * place, queue_s=1.0, waiting=waiting, kv_use=kv_use, more=SETTINGS)
        for place in range(1, count + 1)
    ]


def preempting(preemptions: int, *, kv_use: float = 0.8) -> list[str]:
    """Two pages between which 20 requests ended."""
    return [
        vllm(10, kv_use=kv_use), vllm(30, kv_use=kv_use, num_preemptions_total=preemptions),
    ]  # fmt: skip


def test_requests_before_a_full_cache() -> None:
    (finding,) = verdict_on(RULE, *full()).findings
    assert finding.stage == "queue" and "97 % of the KV cache" in finding.why
    assert "part of the GPU's memory 0.3, type auto" in finding.why
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, SECOND)  # 16 run instead of 8


def test_preemptions_cost_a_prefill_of_prompt_and_answer() -> None:
    (finding,) = verdict_on(RULE, *preempting(10)).findings
    assert finding.stage == "compute" and "preempted 10 times while 20 requests" in finding.why
    # prefill takes 0.475 s, prompt and answer are 150 tokens for 100, every second one is hit
    assert finding.saving.high_ns == 475_000_000 * 3 // 2 // 2


def test_they_cost_no_more_than_all_computing() -> None:
    (finding,) = verdict_on(RULE, *preempting(10_000)).findings
    assert finding.saving.high_ns == 1_900_000_000


def test_a_full_cache_that_makes_nobody_wait_is_good_use() -> None:
    assert verdict_on(RULE, *full(waiting=0)).outcome is Outcome.CLEAR


def test_a_few_preemptions_are_little() -> None:
    verdict = verdict_on(RULE, *preempting(1))
    assert verdict.outcome is Outcome.CLEAR and "at most 35.6" in verdict.reason


def test_a_queue_before_a_cache_with_room_is_no_pressure() -> None:
    assert verdict_on(RULE, *full(kv_use=0.5)).outcome is Outcome.CLEAR


def test_a_server_of_other_models_has_no_kv_cache() -> None:
    verdict = verdict_on(RULE, engine_pages.triton(10))
    assert verdict.outcome is Outcome.CLEAR


def test_what_is_not_told_is_open() -> None:
    (*lines,) = without("num_preemptions", full(kv_use=0.5))
    verdict = verdict_on(RULE, *lines)
    assert verdict.outcome is Outcome.UNKNOWN and "preempts" in verdict.reason
    pages = without("prefill_time", without("first_token", preempting(10)))
    verdict = verdict_on(RULE, *pages)
    assert verdict.outcome is Outcome.UNKNOWN and "is not told" in verdict.reason
    verdict = verdict_on(RULE, *full(count=2))
    assert verdict.outcome is Outcome.UNKNOWN and "too few pages" in verdict.reason


def test_what_is_not_told_of_one_hides_not_the_other() -> None:
    assert len(verdict_on(RULE, *without("num_preemptions", full())).findings) == 1


def test_more_requests_are_not_asked_for_before_a_full_cache() -> None:
    report = diagnose(recording_of("host", full(), 5 * SECOND))
    assert [one.rule for one in report.findings] == [RULE]
    (queue,) = (one for one in report.verdicts if one.rule == "server-queue")
    assert queue.outcome == "CLEAR" and "at most 0" in queue.reason
