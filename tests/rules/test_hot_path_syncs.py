"""hot-path-syncs: waits in the midst of a request, and never the wait for its result."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "hot-path-syncs"


def looped(
    waits: int = 3, call: str = "cudaStreamSynchronize", request: bool = True, step: int = 100
) -> Recording:
    """Launch 10 us, kernel 50 us, waited for until 5 us after its end; then the host's own work."""
    rows = [
        f"main: {at}-{at + 10} call cudaLaunchKernel #{at + 1} | "
        f"s7: {at + 10}-{at + 60} kernel gemm #{at + 1} | main: {at + 15}-{at + 65} call {call}"
        for at in range(0, (waits + 1) * step, step)
    ]
    window = [f"main: 0-{(waits + 1) * step} request"] if request else []
    return recording("\n".join([*window, *rows]))


def test_waits_before_the_last_launch_are_found() -> None:
    (finding,) = verdict_of(RULE, looped()).findings
    # three waits of 50 us; beyond the kernels each lasts 5 us. Without them the kernels follow each
    # other with the usual gap of 1.5 us
    assert (finding.saving.low_ns, finding.saving.high_ns) == (15_000, 150_000 - 3 * 1_500)
    assert finding.where[0].count == 3
    compile(finding.fix.code, "fix", "exec")


def test_gaps_limit_what_waits_cost() -> None:
    (finding,) = verdict_of(RULE, looped(step=80)).findings
    assert (finding.saving.high_ns, finding.saving.basis) == (90_000 - 3 * 1_500, "replay")


def test_the_final_read_is_needed() -> None:
    final = recording("""
        main: 0-200 request
        main: 0-10 call cudaLaunchKernel #1 | s7: 10-100 kernel gemm #1
        main: 20-30 call cudaMemcpyAsync #2
        s7: 100-102 copy Memcpy DtoH (Device -> Pageable) #2 @8
        main: 30-110 call cudaStreamSynchronize
        main: 120-130 call cudaMemcpyAsync #3
        s7: 130-132 copy Memcpy DtoH (Device -> Pageable) #3 @8
        main: 132-140 call cudaStreamSynchronize
    """)
    assert verdict_of(RULE, final).outcome == Outcome.CLEAR


def test_one_wait_in_the_middle_is_allowed() -> None:
    assert verdict_of(RULE, looped(1)).outcome == Outcome.CLEAR


@pytest.mark.parametrize("call", ["cudaDeviceSynchronize", "hipDeviceSynchronize"])
def test_one_wait_for_the_whole_device_is_one_too_many(call: str) -> None:
    (finding,) = verdict_of(RULE, looped(1, call)).findings
    assert (finding.saving.high_ns, finding.where[0].name) == (50_000 - 1_500, call)


def test_final_reads_of_requests_that_follow_each_other_are_allowed() -> None:
    rows = [
        f"main: {at}-{at + 100} request | main: {at}-{at + 10} call cudaLaunchKernel #{at + 1} | "
        f"s7: {at + 10}-{at + 60} kernel gemm #{at + 1} | "
        f"main: {at + 15}-{at + 65} call cudaStreamSynchronize"
        for at in range(0, 1000, 100)
    ]
    assert verdict_of(RULE, recording("\n".join(rows))).outcome == Outcome.CLEAR


def test_another_threads_launches_do_not_make_a_final_read_hot() -> None:
    busy = "\n".join(
        f"t2: {at}-{at + 5} call cudaLaunchKernel #{at} | s7: {at + 5}-{at + 20} kernel gemm #{at}"
        for at in range(100, 900, 50)
    )
    reads = "\n".join(
        f"main: {at}-{at + 30} call cudaStreamSynchronize" for at in range(110, 800, 90)
    )
    recorded = recording(f"main: 0-1000 request\nmain: 0-5 call cudaLaunchKernel\n{busy}\n{reads}")
    assert verdict_of(RULE, recorded).outcome == Outcome.CLEAR


def test_host_work_that_needs_the_result_would_stay() -> None:
    """Gaps of more than a millisecond are the host's own work, not a queue run dry."""
    verdict = verdict_of(RULE, looped(step=1_100))
    assert verdict.outcome == Outcome.CLEAR and "0.00 ms" in verdict.reason


def test_waits_that_find_the_queue_empty_cost_next_to_nothing() -> None:
    rows = "\n".join(
        f"main: {at}-{at + 10} call cudaLaunchKernel #{at + 1} | "
        f"s7: {at + 10}-{at + 20} kernel gemm #{at + 1} | "
        f"main: {at + 50}-{at + 51} call cudaStreamSynchronize"
        for at in range(0, 1000, 100)
    )
    verdict = verdict_of(RULE, recording(f"main: 0-1000 request\n{rows}"))
    assert verdict.outcome == Outcome.CLEAR and "0.01 ms" in verdict.reason


def test_a_blocking_copy_waits_too() -> None:
    rows = "\n".join(
        f"main: {at}-{at + 10} call hipLaunchKernel #{at + 1} | "
        f"s7: {at + 10}-{at + 58} kernel gemm #{at + 1} | "
        f"main: {at + 15}-{at + 65} call hipMemcpyWithStream #{at + 2} | "
        f"s7: {at + 58}-{at + 60} copy CopyDeviceToHost #{at + 2} @8"
        for at in range(0, 400, 100)
    )
    verdict = verdict_of(RULE, recording(f"main: 0-400 request\n{rows}"))
    assert verdict.outcome == Outcome.FOUND


def test_in_an_unmarked_trace_one_read_per_model_pass_is_allowed() -> None:
    rows = [
        f"main: {at}-{at + 1} call cudaLaunchKernel #{at + 1} | "
        f"s7: {at + 1}-{at + 2} kernel gemm #{at + 1}"
        for at in range(0, 1000, 5)
    ]
    reads = [f"main: {at}-{at + 60} call cudaStreamSynchronize" for at in (300, 600)]
    assert verdict_of(RULE, recording("\n".join([*rows, *reads]))).outcome == Outcome.CLEAR
    assert verdict_of(RULE, looped(request=False)).outcome == Outcome.FOUND


def test_without_the_hosts_calls_waits_cannot_be_seen() -> None:
    verdict = verdict_of(RULE, recording("main: 0-100 request | s7: 10-90 kernel gemm"))
    assert verdict.outcome == Outcome.UNKNOWN and "calls" in verdict.reason


def test_without_device_activity_there_is_no_verdict() -> None:
    blind = recording("main: 0-100 request | main: 10-20 call cudaStreamSynchronize")
    assert verdict_of(RULE, blind).outcome == Outcome.UNKNOWN
