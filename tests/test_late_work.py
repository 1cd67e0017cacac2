"""A request that ends while the GPU still works for it."""

from __future__ import annotations

from infprof.diagnosis import diagnose
from infprof.reports.report import Report
from tests.build import recording


def notes(text: str) -> list[str]:
    report: Report = diagnose(recording(text))
    return [one.text for one in report.quality.notes if one.code == "late-work"]


ISSUED = "main: 0-100 request | main: 5-10 call cudaLaunchKernel #1"
NEXT = "main: 500-600 request | main: 505-510 call cudaLaunchKernel #2 | s7: 511-590 kernel b #2"


def test_work_after_the_end_is_said() -> None:
    (note,) = notes(f"{ISSUED} | s7: 20-300 kernel gemm #1 | {NEXT}")
    assert "still works for a request 0.100 ms after its end" in note  # 200 and 0 us


def test_a_request_that_waits_for_its_work_is_in_order() -> None:
    waiting = "main: 12-100 call cudaDeviceSynchronize"
    assert not notes(f"{ISSUED} | s7: 20-99 kernel gemm #1 | {waiting}")
    assert not notes(f"{ISSUED} | s7: 20-105 kernel gemm #1 | {NEXT}")  # 2.5 % of the wall


def test_another_thread_s_work_is_not_the_request_s() -> None:
    other = "t2: 50-60 call cudaLaunchKernel #3 | s8: 61-400 kernel warm #3"
    assert not notes(f"{ISSUED} | s7: 20-90 kernel gemm #1 | {other}")


def test_without_marked_requests_there_is_no_end_to_miss() -> None:
    assert not notes("main: 5-10 call cudaLaunchKernel #1 | s7: 20-300 kernel gemm #1")


def test_copies_ahead_are_no_late_work() -> None:
    copy = "s8: 26-300 copy Memcpy HtoD (Pinned -> Device) #4"
    ahead = f"main: 20-25 call cudaMemcpyAsync #4 | {copy}"
    assert not notes(f"{ISSUED} | s7: 20-90 kernel gemm #1 | {ahead}")
