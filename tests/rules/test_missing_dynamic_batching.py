"""missing-dynamic-batching: one request at a time while others wait."""

from __future__ import annotations

import pytest

from infprof import diagnose
from infprof.profiler.importers.metrics_page import recording_of
from infprof.rules.finding import Outcome
from tests import engine_pages
from tests.metrics_pages import values, vllm
from tests.rules.watched import SECOND, verdict_on

RULE = "missing-dynamic-batching"
MS = 10**6


def triton(requests: int, *, batch: float = 1.0, queue_ms: int = 60) -> str:
    """After so many requests of 100 ms."""
    return values({
        "nv_inference_request_success": requests, "nv_inference_count": requests,
        "nv_inference_exec_count": requests / batch,
        "nv_inference_request_duration_us": 100_000 * requests,
        "nv_inference_queue_duration_us": 1000 * queue_ms * requests,
        "nv_inference_compute_infer_duration_us": 1000 * (100 - queue_ms) * requests,
    }, 'model="m",version="1"')  # fmt: skip


def second(requests: int, *, batch: float = 1.0, queue_ms: int = 60) -> tuple[str, str]:
    """Pages between which so many requests ended in a second."""
    first, last = (triton(count, batch=batch, queue_ms=queue_ms) for count in (10, 10 + requests))
    return first, last


def test_single_runs_with_others_waiting_are_found() -> None:
    (finding,) = verdict_on(RULE, *second(40)).findings
    assert finding.stage == "queue"
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 60 * MS)
    assert "1.0 inferences on average, while 4.0 requests are there" in finding.why


@pytest.mark.parametrize(
    "quiet",
    [
        second(20),  # two at once
        second(40, batch=1.6),
        second(40, queue_ms=2),  # several instances, and nobody waits
        (triton(40, queue_ms=2),),  # however many come
        (vllm(10), vllm(100)),  # it batches by itself
    ],
)
def test_otherwise_it_is_silent(quiet: tuple[str, ...]) -> None:
    assert verdict_on(RULE, *quiet).outcome is Outcome.CLEAR


def test_one_page_does_not_tell_how_many_come() -> None:
    verdict = verdict_on(RULE, triton(40))
    assert verdict.outcome is Outcome.UNKNOWN and "come a second" in verdict.reason


def test_a_server_that_does_not_tell_of_runs() -> None:
    verdict = verdict_on(RULE, engine_pages.torchserve(10), engine_pages.torchserve(90))
    assert verdict.outcome is Outcome.UNKNOWN and "one run makes" in verdict.reason


def test_a_server_that_does_not_tell_of_waiting() -> None:
    def page(requests: int) -> str:
        lines = engine_pages.bentoml(requests).replace('le="2"', 'le="1"')
        batch = engine_pages.timed("bentoml_service_adaptive_batch_size", requests, 1)
        kept = [line for line in lines.splitlines(keepends=True) if "adaptive" not in line]
        return "".join(kept) + batch

    verdict = verdict_on(RULE, page(10), page(90))
    assert verdict.outcome is Outcome.UNKNOWN and "how long requests wait" in verdict.reason


def test_the_queue_is_promised_once() -> None:
    report = diagnose(recording_of("host", list(second(40)), SECOND))
    assert [one.rule for one in report.findings] == [RULE]
    assert report.verdict.limit == "queue-bound"
    assert report.outlook[-1].wall_ms == pytest.approx(40)
