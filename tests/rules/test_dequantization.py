"""dequantization: kernels that only unpack quantised weights."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.pretend_examples import recorded as pretended
from tests.rules.judge import evidence_of, verdict_of

RULE = "dequantization"
KERNEL = "void kDequantizeBlockwise<__nv_bfloat16, 512, 64, 8, 2>"


def served(kernel: str = KERNEL, time_us: int = 300, feeder_us: int = 0) -> Recording:
    """After the feeder a product of 600 us and another kernel; 100 us for the host."""
    at = feeder_us + 100
    return recording(f"""
        main: 0-{at + 600 + time_us} request
        main: 0-{feeder_us} range preprocess:decode
        s7: {at}-{at + 600} kernel ampere_bf16_s16816gemm
        s7: {at + 600}-{at + 600 + time_us} kernel {kernel}
    """)


def test_it_is_found() -> None:
    (finding,) = verdict_of(RULE, served()).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 300_000)
    assert "33 % of the compute" in finding.why and finding.saving.confidence == "C"
    compile(finding.fix.code, "fix", "exec")


def test_so_are_casts_and_scalings_of_weights() -> None:
    slow, cured = (evidence_of(pretended("unpacked_weights", cured=one)) for one in (False, True))
    (finding,) = verdict_of(RULE, slow.recording).findings
    assert finding.saving.high_ns == pytest.approx(slow.wall_ns - cured.wall_ns, rel=0.05)
    assert verdict_of("tensor-copies", slow.recording).outcome is Outcome.CLEAR
    assert verdict_of(RULE, cured.recording).outcome is Outcome.CLEAR


def test_bytes_of_a_picture_made_floats_are_no_weights() -> None:
    assert verdict_of(RULE, pretended("wide_inputs", cured=True)).outcome is Outcome.CLEAR


@pytest.mark.parametrize(
    "kernel",
    [
        "void kgemm_4bit_inference_naive<__half, 128, 16>",  # reads packed weights itself
        "void marlin::Marlin<256, 4, 16, 4>",
        "void cutlass::Kernel2<cutlass_80_tensorop_i16832gemm_s8>",
        "at::native::vectorized_elementwise_kernel",
    ],
)
def test_kernels_that_compute_are_fine(kernel: str) -> None:
    assert verdict_of(RULE, served(kernel)).outcome is Outcome.CLEAR


def test_little_unpacking_is_fine() -> None:
    verdict = verdict_of(RULE, served(time_us=60))  # 9 % of the compute
    assert (verdict.outcome, verdict.reason) == (Outcome.CLEAR, "")


def test_while_the_feeder_takes_most_of_the_time_it_comes_first() -> None:
    assert verdict_of(RULE, served(feeder_us=400)).outcome is Outcome.FOUND
    assert verdict_of(RULE, served(feeder_us=1100)).outcome is Outcome.CLEAR


def test_without_device_activity_there_is_no_verdict() -> None:
    blind = recording("main: 0-100 request | main: 10-20 call cudaLaunchKernel #1")
    assert verdict_of(RULE, blind).outcome is Outcome.UNKNOWN
