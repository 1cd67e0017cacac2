"""exposed-communication: collectives that nothing hides."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "exposed-communication"
KERNEL = "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevComm*)"


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
    assert "30 % of the wall" in finding.why and finding.saving.confidence == "C"


@pytest.mark.parametrize(
    "kernel",
    [
        "void vllm::cross_device_reduce_1stage<__nv_bfloat16, 4>",
        "ncclKernel_SendRecv_RING_SIMPLE_Sum_int8_t(ncclWorkElem)",
    ],
)
def test_other_libraries_do_the_same(kernel: str) -> None:
    assert verdict_of(RULE, served(kernel)).outcome is Outcome.FOUND


def test_two_reductions_per_layer_over_nvlink_are_usual() -> None:
    verdict = verdict_of(RULE, served(time_us=174))  # 19.9 % of the wall
    assert (verdict.outcome, verdict.reason) == (Outcome.CLEAR, "")


def test_what_hides_behind_compute_costs_nothing() -> None:
    hidden = recording(f"main: 0-1000 request | s7: 0-950 kernel gemm | s8: 0-900 kernel {KERNEL}")
    assert verdict_of(RULE, hidden).outcome is Outcome.CLEAR


def test_while_the_feeder_takes_most_of_the_time_it_comes_first() -> None:
    assert verdict_of(RULE, served(time_us=900, feeder_us=1000)).outcome is Outcome.FOUND
    assert verdict_of(RULE, served(time_us=900, feeder_us=2000)).outcome is Outcome.CLEAR


def test_without_device_activity_there_is_no_verdict() -> None:
    blind = recording("main: 0-100 request | main: 10-20 call cudaLaunchKernel #1")
    assert verdict_of(RULE, blind).outcome is Outcome.UNKNOWN
