"""layout-conversions: kernels that only turn tensors around for a convolution."""

from __future__ import annotations

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "layout-conversions"


def converted(into_us: int, back_us: int, feeder_us: int = 0) -> Recording:
    """After the feeder a convolution of 800 us between two conversions."""
    at = feeder_us + 100
    end = at + into_us + 800 + back_us
    return recording(f"""
        main: 0-{end} request
        main: 0-{feeder_us} range preprocess:decode
        s7: {at}-{at + into_us} kernel void cudnn::engines_precompiled::nchwToNhwcKernel<float>
        s7: {at + into_us}-{end - back_us} kernel sm80_xmma_fprop_implicit_gemm_tf32
        s7: {end - back_us}-{end} kernel void cudnn::engines_precompiled::nhwcToNchwKernel<float>
    """)


def test_conversions_are_found() -> None:
    (finding,) = verdict_of(RULE, converted(120, 80)).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 200_000)
    assert finding.why.startswith("2 kernels") and "20 % of the compute" in finding.why
    compile(finding.fix.code, "fix", "exec")


def test_the_first_layers_input_is_no_finding() -> None:
    verdict = verdict_of(RULE, converted(40, 2))
    assert (verdict.outcome, verdict.reason) == (Outcome.CLEAR, "")


def test_while_the_feeder_takes_most_of_the_time_it_comes_first() -> None:
    assert verdict_of(RULE, converted(120, 80, 900)).outcome is Outcome.FOUND
    assert verdict_of(RULE, converted(120, 80, 1500)).outcome is Outcome.CLEAR


def test_other_kernels_of_convolutions_are_fine() -> None:
    other = recording("main: 0-1000 request | s7: 0-900 kernel implicit_convolve_sgemm")
    assert verdict_of(RULE, other).outcome is Outcome.CLEAR


def test_without_device_activity_there_is_no_verdict() -> None:
    blind = recording("main: 0-100 request | main: 10-20 call cudaLaunchKernel #1")
    assert verdict_of(RULE, blind).outcome is Outcome.UNKNOWN
