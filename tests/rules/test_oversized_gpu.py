"""oversized-gpu: requests that a cheaper GPU would serve as well."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from infprof.profiler.deployment import Deployment
from infprof.profiler.gpu_table import lookup
from infprof.profiler.recording import Recording, Samples
from infprof.rules.blockers import settled
from infprof.rules.finding import Finding, Fix, Outcome, Saving, Verdict
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "oversized-gpu"
SQUARE = json.dumps({"dims": [[1024, 1024]] * 2, "types": ["c10::Half"] * 2})
PRICES = {"NVIDIA A100-SXM4-80GB": 4.0, "A10": 1.0}


def made(kernel_us: float = 100, used_gb: float = 10, every_us: int = 10_000) -> Recording:
    """One product a request; four requests without the tracer, of 1 ms each."""
    starts = range(10_000, 10_000 + 4 * every_us, every_us)
    plain = " | ".join(f"main: {start}-{start + 1000} request plain" for start in starts)
    return recording(
        f"main: 0-1000 request | main: 10-40 op aten::mm {SQUARE}"
        "| main: 20-25 call cudaLaunchKernel #1"
        f"| s7: 30-{30 + kernel_us} kernel fp16_s16816gemm #1 | {plain}",
        series={"gpu.memory_used": [(50, used_gb * 1e9)]},
    )


def judged(recorded: Recording | None = None, **said: Any) -> Verdict:
    recorded = recorded or made()
    known = {"latency_target_ms": 2.0, "gpu_prices": PRICES, **said}
    recorded.header.deployment = Deployment(**known)
    return verdict_of(RULE, recorded)


def test_a_cheaper_gpu_that_would_do_is_found() -> None:
    (finding,) = judged().findings
    assert finding.saving.basis == "none" and finding.saving.high_ns == 0
    # 2039 of 600 GB/s: 3.398 times as long, so 100 us become 339.8
    assert "On A10 it would take 1.24 ms at most" in finding.why
    assert "at 1 instead of 4 an hour" in finding.why


@pytest.mark.parametrize(
    ("recorded", "target_ms"),
    [
        (made(300), 1.5),  # it would take 1.72 ms
        (made(300, every_us=1000), 2.0),  # its GPU would have to work for 1.02 of each ms
        (made(used_gb=22), 2.0),  # of 24 GB
    ],
)
def test_the_other_must_do(recorded: Recording, target_ms: float) -> None:
    (finding,) = judged(recorded, latency_target_ms=target_ms).findings
    assert finding.title == "Serve from a smaller GPU, or share this one"
    assert "A10" in judged(made(300)).findings[0].why


def test_without_prices_low_use_tells() -> None:
    (finding,) = judged(gpu_prices={}).findings
    assert finding.title == "Serve from a smaller GPU, or share this one"
    assert "0.7 % of the GPU's operations (MFU) and 0.3 % of its bandwidth" in finding.why


def test_what_only_prices_need_may_be_unknown_without_them() -> None:
    recorded = replace(made(), samples=Samples.of([]))
    assert judged(recorded, gpu_prices={}).outcome is Outcome.FOUND
    verdict = judged(recorded)
    assert verdict.outcome is Outcome.UNKNOWN and "memory is used was not sampled" in verdict.reason


def test_a_slow_service_has_no_gpu_to_spare() -> None:
    assert judged(latency_target_ms=0.9).outcome is Outcome.CLEAR


def test_what_is_not_said_is_asked_for() -> None:
    verdict = judged(latency_target_ms=None)
    assert verdict.outcome is Outcome.UNKNOWN
    assert "latency_target_ms in [deployment]" in verdict.reason
    verdict = judged(gpu_prices={"A10": 1.0})
    assert verdict.outcome is Outcome.UNKNOWN and "does not name this GPU" in verdict.reason


def test_without_device_work_it_is_open() -> None:
    verdict = verdict_of(RULE, recording("main: 0-1000 request"))
    assert verdict.outcome is Outcome.UNKNOWN


def test_whatever_else_is_found_comes_first() -> None:
    finding = Finding("Do", "Why.", "python", Saving(1, 2), Fix("", "", ""))
    other = Verdict("blocking-io", Outcome.FOUND, findings=(finding,))
    mine = Verdict(RULE, Outcome.FOUND, findings=(finding,))
    assert settled([mine])[0].outcome is Outcome.FOUND
    (first, last) = settled([other, mine])
    assert first.outcome is Outcome.FOUND and last.outcome is Outcome.UNKNOWN
    assert last.reason.startswith("blocking-io comes first: what it changes decides")


def test_the_gpus_of_this_test_are_in_the_table() -> None:
    assert all(lookup(name) for name in PRICES)
