"""misleading-utilization: NVML says busy, the kernels do little."""

from __future__ import annotations

import json

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "misleading-utilization"


def product(rows: int, width: int) -> str:
    dims = [[rows, width], [width, width]]
    return json.dumps({"dims": dims, "types": ["c10::Half"] * 2})


def built(
    kernel_us: int,
    *,
    utilization: float | None = 95.0,
    inputs: str = product(64, 1024),
    wall_us: int = 1000,
    more: str = "",
) -> Recording:
    """One product in a request of a millisecond, on an A100 (312 TFLOP/s, 2039 GB/s)."""
    text = (
        f"main: 0-{wall_us} request | main: 10-40 op aten::mm {inputs}"
        "| main: 20-25 call cudaLaunchKernel #1"
        f"| s7: 30-{30 + kernel_us} kernel fp16_s16816gemm #1"
        f"| main: 40-{30 + kernel_us} call cudaDeviceSynchronize {more}"
    )
    load = [(500, utilization)] if utilization is not None else []
    return recording(text, series={"gpu.utilization": load, "gpu.power": [(500, 300.0)]})


def test_small_kernels_fill_the_time_and_not_the_gpu() -> None:
    # 134 MFLOP and 2.4 MB in a millisecond: 0.04 % of the peak, 0.1 % of the bandwidth
    (finding,) = verdict_of(RULE, built(900)).findings
    assert (finding.saving.high_ns, finding.saving.basis) == (0, "none")
    assert "NVML says 95 % utilization" in finding.why
    assert "fill 90 % of a request's time" in finding.why
    assert "MFU is 0.043 %, MBU is 0.12 %" in finding.why


def test_kernels_do_not_even_fill_the_time() -> None:
    (finding,) = verdict_of(RULE, built(200, inputs="")).findings
    assert "fill 20 % of a request's time." in finding.why  # and nothing is known of their work


def test_what_the_tracer_makes_longer_does_not_count() -> None:
    untraced = "".join(f"| main: {2000 + 1000 * i}-{2400 + 1000 * i} request plain" for i in (0, 1))
    spent = built(300, inputs=product(4096, 4096), more=untraced)  # 300 of 400 us untraced
    assert verdict_of(RULE, spent).outcome is Outcome.CLEAR


@pytest.mark.parametrize(
    "recorded",
    [
        built(900, utilization=60.0),
        built(900, inputs=product(4096, 4096)),  # 137 GFLOP in 1 ms: 44 % of the peak
        built(900, inputs=product(1, 24576)),  # 1.2 GB in 1 ms: 59 % of the bandwidth
    ],
)
def test_silent(recorded: Recording) -> None:
    assert verdict_of(RULE, recorded).outcome is Outcome.CLEAR


def test_unknown_without_samples_or_the_kernels_work() -> None:
    bare = recording("main: 0-9 request | main: 1-2 call cudaLaunchKernel #1 | s7: 3-9 kernel k #1")
    assert verdict_of(RULE, bare).outcome is Outcome.UNKNOWN
    assert "not sampled" in verdict_of(RULE, built(900, utilization=None)).reason
    verdict = verdict_of(RULE, built(900, inputs=""))
    assert verdict.outcome is Outcome.UNKNOWN and "shapes" in verdict.reason


def test_it_does_not_apply_without_a_gpu() -> None:
    bare = recording("main: 0-9 request | main: 0-8 op aten::mm", gpus=())
    assert verdict_of(RULE, bare).outcome is Outcome.CLEAR
