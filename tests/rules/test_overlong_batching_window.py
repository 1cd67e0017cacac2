"""overlong-batching-window: requests held back for a batch while the model pauses."""

from __future__ import annotations

import pytest

from infprof import diagnose
from infprof.profiler.importers.metrics_page import recording_of
from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.engine_pages import bentoml, sglang, timed, torchserve
from tests.metrics_pages import values
from tests.rules.judge import verdict_of
from tests.rules.watched import SECOND, verdict_on

RULE = "overlong-batching-window"
MS = 10**6


def triton(requests: int, queue_ms: float, run_ms: float, batch: float, gpu: float | None) -> str:
    return values({
        "nv_inference_request_success": requests, "nv_inference_count": requests,
        "nv_inference_exec_count": requests / batch,
        "nv_inference_request_duration_us": 1e3 * (queue_ms + run_ms) * requests,
        "nv_inference_queue_duration_us": 1e3 * queue_ms * requests,
        "nv_inference_compute_input_duration_us": 100 * run_ms * requests,
        "nv_inference_compute_infer_duration_us": 900 * run_ms * requests,
    }, 'model="m",version="1"') + values({"nv_gpu_utilization": gpu}, 'gpu_uuid="g"')  # fmt: skip


def pages(
    per_s: int = 40,
    *,
    queue_ms: float = 50,
    run_ms: float = 10,
    batch: float = 4,
    gpu: float | None = None,
) -> list[str]:
    """A second apart."""
    return [triton(count, queue_ms, run_ms, batch, gpu) for count in (100, 100 + per_s)]


def ray(requests: int, wait_ms: float, run_ms: float) -> str:
    """Batches of four."""
    return (
        timed("ray_serve_http_request_latency_ms", requests, wait_ms + run_ms)
        + timed("ray_serve_batch_wait_time_ms", requests // 4, wait_ms)
        + timed("ray_serve_batch_execution_time_ms", requests // 4, run_ms)
        + timed("ray_serve_actual_batch_size", requests // 4, 4)
        + values({"ray_serve_num_http_requests_total": requests})
    )


def judged_ray(wait_ms: float, run_ms: float) -> Verdict:
    return verdict_on(RULE, *(ray(count, wait_ms, run_ms) for count in (100, 140)))


def test_waits_beyond_a_run_of_an_idle_model_are_found() -> None:
    (finding,) = verdict_on(RULE, *pages()).findings
    assert (finding.stage, finding.saving.confidence) == ("queue", "C")
    assert (finding.saving.low_ns, finding.saving.high_ns) == (40 * MS, 50 * MS)
    assert "waits 50.00 ms of its 60.00 ms before a run, which takes 10.00 ms" in finding.why
    assert "runs nothing for 90 % of the time" in finding.why


@pytest.mark.parametrize(
    "quiet",
    [
        {"per_s": 240},  # the model is busy for 60 % of the time
        {"queue_ms": 9},  # less than a run: it may have been under way
        {"queue_ms": 110, "run_ms": 100, "per_s": 40},
        {"gpu": 0.8},  # another model's work
    ],
)
def test_otherwise_it_is_silent(quiet: dict[str, float]) -> None:
    assert verdict_on(RULE, *pages(**quiet)).outcome is Outcome.CLEAR  # type: ignore[arg-type]


def test_ray_serve_tells_how_long_batches_fill() -> None:
    (finding,) = judged_ray(wait_ms=50, run_ms=10).findings
    assert finding.stage == "unattributed"
    assert (finding.saving.low_ns, finding.saving.high_ns) == (25 * MS, 50 * MS)
    assert judged_ray(wait_ms=50, run_ms=60).outcome is Outcome.CLEAR
    assert judged_ray(wait_ms=4, run_ms=10).outcome is Outcome.CLEAR


def test_single_runs_may_be_a_burst() -> None:
    verdict = verdict_on(RULE, *pages(batch=1, per_s=10))
    assert verdict.outcome is Outcome.UNKNOWN and "in a burst, for each other" in verdict.reason


def test_what_is_not_told_is_open() -> None:
    verdict = verdict_on(RULE, pages()[0])
    assert verdict.outcome is Outcome.UNKNOWN and "watch the server" in verdict.reason
    verdict = verdict_on(RULE, torchserve(10), torchserve(20))
    assert verdict.outcome is Outcome.UNKNOWN and "one run of the model" in verdict.reason
    verdict = verdict_on(RULE, bentoml(10), bentoml(20))
    assert verdict.outcome is Outcome.UNKNOWN and "how long requests wait" in verdict.reason


def test_engines_that_batch_continuously_have_no_window() -> None:
    assert verdict_on(RULE, sglang(10), sglang(20)).outcome is Outcome.CLEAR
    assert verdict_of(RULE, recording("main: 0-100 request")).outcome is Outcome.CLEAR


def test_the_queue_is_promised_once() -> None:
    report = diagnose(recording_of("host", pages(), SECOND))
    promised = [(one.rule, round(one.saving.high_ms)) for one in report.findings]
    assert promised == [(RULE, 50)]
