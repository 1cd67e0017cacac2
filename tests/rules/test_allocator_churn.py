"""allocator-churn: device memory that each request takes from the driver."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "allocator-churn"


def served(paying: tuple[bool, ...], call: str = "cudaMalloc", mark: str = "request") -> Recording:
    """Requests of 1 ms: 200 us for an allocation in some, then a kernel of 500 us in all."""
    rows = []
    for place, pays in enumerate(paying):
        at = 1000 * place
        rows.append(f"main: {at}-{at + 1000} {mark}")
        rows += [f"main: {at + 100}-{at + 300} call {call}"] * pays
        rows.append(f"main: {at + 300}-{at + 310} call cudaLaunchKernel #{place}")
        rows.append(f"s7: {at + 310}-{at + 810} kernel gemm #{place}")
        rows.append(f"main: {at + 320}-{at + 820} call cudaStreamSynchronize")
    return recording("\n".join(rows))


@pytest.mark.parametrize("call", ["cudaMalloc", "cudaFree", "cuMemMap", "hipMalloc", "hipFree"])
def test_an_allocation_in_each_request_is_found(call: str) -> None:
    (finding,) = verdict_of(RULE, served((True,) * 4, call)).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (180_000, 200_000)
    assert "4 of 4 requests" in finding.why and finding.where[0].name == call
    compile(finding.fix.code, "fix", "exec")


def test_what_a_free_waits_for_would_stay() -> None:
    rows = "\n".join(
        f"main: {at}-{at + 1000} request\n"
        f"main: {at}-{at + 10} call cudaLaunchKernel #{at}\n"
        f"s7: {at + 10}-{at + 900} kernel gemm #{at}\n"
        f"main: {at + 20}-{at + 910} call cudaFree"
        for at in range(0, 4000, 1000)
    )
    (finding,) = verdict_of(RULE, recording(rows)).findings
    # the kernel still ends at 900 us; only the 100 us after it go
    assert (finding.saving.high_ns, finding.saving.basis) == (100_000, "replay")


@pytest.mark.parametrize(
    "paying", [(False,) * 4, (True, False, False, False), (True, False, False, False, True, False)]
)
def test_memory_that_grows_to_a_steady_state_is_fine(paying: tuple[bool, ...]) -> None:
    verdict = verdict_of(RULE, served(paying))
    assert (verdict.outcome, verdict.reason) == (Outcome.CLEAR, "")


def test_pinned_host_memory_is_another_rules_case() -> None:
    assert verdict_of(RULE, served((True,) * 4, "cudaHostAlloc")).outcome is Outcome.CLEAR


def test_without_requests_growth_and_churn_look_alike() -> None:
    verdict = verdict_of(RULE, served((True,) * 4, mark="range step"))
    assert verdict.outcome is Outcome.UNKNOWN and "marked requests" in verdict.reason
    assert verdict_of(RULE, served((False,) * 4, mark="range step")).outcome is Outcome.CLEAR


def test_without_device_activity_there_is_no_verdict() -> None:
    blind = recording("main: 0-100 request | main: 10-20 call cudaMalloc #1 | "
                      "main: 30-40 call cudaLaunchKernel")  # fmt: skip
    assert verdict_of(RULE, blind).outcome is Outcome.UNKNOWN
