"""warmup-in-window: one-time work among the analysed requests."""

from __future__ import annotations

import pytest

from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "warmup-in-window"


def trace(rows: str) -> str:
    """100 ms of a GPU program: the last 40 ms are its steady state."""
    return f"""
        main: 0-100000 request
        {rows}
        main: 60000-61000 op aten::linear
        main: 60100-60200 call cudaLaunchKernel #9
        s7: 60150-100000 kernel gemm #9
    """


@pytest.mark.parametrize(
    "rows",
    [
        "main: 0-20000 call cudaLaunchKernel #1 | s7: 20000-60000 kernel gemm #1",
        "main: 0-20000 call cudaFree | s7: 20000-60000 kernel gemm #1",
        "main: 0-20000 call cudaModuleLoadData | s7: 20000-60000 kernel gemm #1",
        "main: 0-20000 overhead Lazy Function Loading | s7: 20000-60000 kernel gemm #1",
        "main: 0-20000 range compile_inner (dynamo_timed) | s7: 20000-60000 kernel gemm #1",
        "main: 0-20000 python torch/_dynamo/convert_frame.py(900): _compile"
        " | s7: 20000-60000 kernel gemm #1",
        "main: 0-20200 op delta_r2 | main: 20000-20100 call cudaLaunchKernel #1"
        " | s7: 20000-60000 kernel gemm #1",  # TorchScript fuses before it launches
    ],
)
def test_one_time_work_is_found(rows: str) -> None:
    (finding,) = verdict_of(RULE, recording(trace(rows))).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (18_000_000, 20_000_000)
    assert finding.saving.confidence == "A"
    compile(finding.fix.code, "fix", "exec")


def test_the_slow_first_call_is_named() -> None:
    rows = "main: 0-20000 call cudaLaunchKernel #1 | s7: 20000-60000 kernel gemm #1"
    (finding,) = verdict_of(RULE, recording(trace(rows))).findings
    assert finding.where[0].name == "cudaLaunchKernel"


@pytest.mark.parametrize(
    "rows",
    [
        # the queue is full: the launch waits for the device, which is busy
        "main: 0-50000 call cudaLaunchKernel #1 | s7: 0-60000 kernel gemm #1",
        "main: 0-20000 call cudaDeviceSynchronize | s7: 20000-60000 kernel gemm #1",
        "main: 0-20000 call cudaMemcpyAsync #1 | s7: 20000-60000 kernel gemm #1",
        # an op that issues steadily, however long it is
        "main: 0-20000 op aten::lstm | main: 5000-5100 call cudaLaunchKernel #1"
        " | main: 12000-12100 call cudaLaunchKernel #2 | s7: 12000-60000 kernel gemm #2",
        # the main thread is silent between its ops while another thread issues
        "t2: 0-20000 op steady | t2: 5000-5100 call cudaLaunchKernel #1"
        " | t2: 13000-13100 call cudaLaunchKernel #2 | s7: 20000-60000 kernel gemm #2",
        "main: 0-1900 overhead Lazy Function Loading | s7: 1900-60000 kernel gemm #1",  # 1.9 %
        "main: 0-20000 op Torch-Compiled Region: 0/0 | main: 9000-9100 call cuLaunchKernel #1"
        " | main: 18000-18100 call cuLaunchKernel #2 | s7: 18000-60000 kernel gemm #1",
        "main: 0-20000 python torch/_dynamo/eval_frame.py(600): _fn | s7: 0-60000 kernel gemm #1",
    ],
)
def test_steady_work_is_clear(rows: str) -> None:
    assert verdict_of(RULE, recording(trace(rows))).outcome is Outcome.CLEAR


def requests(*walls_us: int) -> str:
    rows, at = [], 0
    for wall in walls_us:
        rows.append(f"main: {at}-{at + wall} request | main: {at}-{at + wall} op aten::conv2d")
        at += 10_000
    return "|".join(rows)


def test_a_first_request_far_slower_than_the_others() -> None:
    (finding,) = verdict_of(RULE, recording(requests(900, 100, 100, 100), gpus=())).findings
    # 800 us too long, shared by four requests
    assert (finding.saving.low_ns, finding.saving.high_ns) == (180_000, 200_000)
    assert "9.0 times the median" in finding.why


@pytest.mark.parametrize("walls", [(300, 100, 100, 100), (900, 100, 100), (100, 100, 900, 100)])
def test_a_first_request_like_the_others_is_clear(walls: tuple[int, ...]) -> None:
    built = recording(requests(*walls), gpus=())
    assert verdict_of(RULE, built).outcome is Outcome.CLEAR


@pytest.mark.parametrize(("earlier_us", "outcome"), [(100, "CLEAR"), (900, "FOUND")])
def test_a_program_that_was_quick_before_is_warm(earlier_us: int, outcome: str) -> None:
    earlier = f"main: 0-{earlier_us} request plain | "
    later = requests(900, 100, 100, 100).replace("main: 0-900", "main: 1000-1900")
    assert verdict_of(RULE, recording(earlier + later, gpus=())).outcome.value == outcome


def test_unknown_without_operators() -> None:
    text = "main: 0-100 request | s7: 0-100 kernel gemm #1"
    assert verdict_of(RULE, recording(text)).outcome is Outcome.UNKNOWN
