"""shared-gpu: kernels of several processes that take turns on one GPU."""

from __future__ import annotations

from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "shared-gpu"
BUSY = (
    "main: 0-1000 request plain | main: 0-10 call cudaLaunchKernel #1 | s7: 10-900 kernel gemm #1 "
    "| main: 10-900 call cudaDeviceSynchronize"
)


def judged(
    text: str = BUSY,
    *,
    others: float | None = 1,
    theirs: float | None = 30,
    ours: float | None = 60,
    working: float | None = 1,
) -> Verdict:
    told = {
        "utilization": 90.0, "other_processes": others, "other_utilization": theirs,
        "process_utilization": ours, "working_processes": working,
    }  # fmt: skip
    series = {f"gpu.{one}": [(500, value)] for one, value in told.items() if value is not None}
    return verdict_of(RULE, recording(text.replace(" plain", ""), series=series))


def test_a_busy_neighbour_is_found() -> None:
    (finding,) = judged().findings
    assert "One other process has a context" in finding.why
    assert "for 30 % of the time while requests are served; those of the program for 60 %" in (
        finding.why
    )
    assert (finding.saving.low_ns, finding.saving.confidence) == (0, "C")
    assert finding.saving.high_ns == 296_667  # a third of 890 us


def test_several_processes_of_the_program_are_found() -> None:
    (finding,) = judged(others=0, theirs=0, working=4).findings
    assert finding.title == "Let one process own the GPU" and "4.0 processes" in finding.why
    assert finding.saving.high_ns == 667_500  # three quarters of 890 us


def test_a_neighbour_that_does_nothing_is_no_harm() -> None:
    assert judged(theirs=0).outcome is Outcome.CLEAR
    assert judged(others=3, theirs=1).outcome is Outcome.CLEAR  # less than 5 % of the request
    assert judged(others=0.2).outcome is Outcome.CLEAR


def test_alone_on_the_gpu_it_is_silent() -> None:
    assert judged(others=0, theirs=None, ours=None, working=None).outcome is Outcome.CLEAR


def test_where_nothing_waits_for_kernels_nothing_is_saved() -> None:
    text = "main: 0-1000 request | main: 0-10 call cudaLaunchKernel #1 | s7: 10-20 kernel gemm #1"
    assert judged(text).outcome is Outcome.CLEAR


def test_what_nvml_does_not_tell_is_open() -> None:
    verdict = judged(others=None)
    assert verdict.outcome is Outcome.UNKNOWN and "which processes on the GPU" in verdict.reason
    verdict = judged(others=2, theirs=None)
    assert verdict.outcome is Outcome.UNKNOWN and "2 other processes have" in verdict.reason
    assert verdict_of(RULE, recording(BUSY)).outcome is Outcome.UNKNOWN


def test_without_a_gpu_there_is_none_to_share() -> None:
    text = "main: 0-100 request | main: 10-90 op aten::mm"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR
