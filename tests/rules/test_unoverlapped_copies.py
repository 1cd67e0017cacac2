"""unoverlapped-copies: the device copies and computes in turn where it could do both."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "unoverlapped-copies"


def requests(
    copy: str, kernel: str, count: int = 2, memory: str = "Pinned", size: int = 1_000_000
) -> Recording:
    def shifted(span: str, at: int) -> str:
        start, end = span.split("-")
        return f"{at + int(start)}-{at + int(end)}"

    rows = [
        f"""
        main: {at}-{at + 1000} request
        s8: {shifted(copy, at)} copy Memcpy HtoD ({memory} -> Device) @{size}
        s7: {shifted(kernel, at)} kernel gemm
        """
        for at in range(0, 1000 * count, 1000)
    ]
    return recording("".join(rows))


def test_the_shorter_of_copy_and_compute_can_hide_behind_the_other() -> None:
    (finding,) = verdict_of(RULE, requests("0-300", "300-900")).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 300_000)
    assert finding.saving.confidence == "C"
    assert "not the speed of a single request" in finding.why
    compile(finding.fix.code, "fix", "exec")


def flow(copy_us: int, kernel_us: int, *, blocking: bool = False, other_us: int = 0) -> Recording:
    """Two requests that launch a copy and a kernel on one stream, a copy on another, and wait."""
    rows, now, call = list[str](), 0, 0
    for _ in range(2):
        begin, free = now, {"s7": 0, "s8": 0}
        for stream, work, time in (
            ("s7", "copy Memcpy HtoD (Pinned -> Device) @1000000", copy_us),
            ("s7", "kernel gemm", kernel_us),
            ("s8", "copy Memcpy HtoD (Pinned -> Device) @1000", other_us),
        ):
            call += 1
            start = max(now + 5, free[stream] + 1)
            free[stream] = end = start + time
            rows.append(f"{stream}: {start}-{end} {work} #{call}")
            name = "cudaLaunchKernel" if work.startswith("kernel") else "cudaMemcpyAsync"
            returned = end + 2 if blocking and time == copy_us else now + 3
            rows.append(f"main: {now}-{returned} call {name} #{call}")
            now = returned
        end = max(free.values()) + 2
        rows += [f"main: {now}-{end} call cudaDeviceSynchronize", f"main: {begin}-{end} request"]
        now = end
    return recording("\n".join(rows))


@pytest.mark.parametrize("blocking", [False, True])
def test_a_replay_tells_what_a_steady_flow_saves(blocking: bool) -> None:
    (finding,) = verdict_of(RULE, flow(300, 600, blocking=blocking)).findings
    assert finding.saving.basis == "replay" and finding.saving.low_ns == 0
    assert finding.saving.high_ns == pytest.approx(300_000, abs=10_000)


def test_all_that_is_copied_shares_the_link() -> None:
    (finding,) = verdict_of(RULE, flow(300, 600, other_us=500)).findings
    assert finding.saving.high_ns == pytest.approx(100_000, abs=10_000)  # 800 of 900 us stay


def test_compute_limits_the_gain() -> None:
    (finding,) = verdict_of(RULE, requests("0-600", "600-800")).findings
    assert finding.saving.high_ns == 200_000


def test_a_pageable_copy_counts_only_as_far_as_it_stays_after_pinning() -> None:
    recorded = requests("0-300", "300-900", memory="Pageable", size=2_600_000)
    (finding,) = verdict_of(RULE, recorded).findings
    assert finding.saving.high_ns == 100_000


def test_overlapped_copies_are_fine() -> None:
    assert verdict_of(RULE, requests("100-400", "0-900")).outcome == Outcome.CLEAR


def test_a_single_input_has_nothing_to_overlap_with() -> None:
    verdict = verdict_of(RULE, requests("0-300", "300-900", count=1))
    assert (verdict.outcome, verdict.reason) == (Outcome.CLEAR, "")


def test_small_copies_are_not_worth_a_stream() -> None:
    assert verdict_of(RULE, requests("0-300", "300-900", size=255_999)).outcome == Outcome.CLEAR


def test_without_device_activity_there_is_no_verdict() -> None:
    blind = recording("main: 0-100 request", missing={"kernels": "CUPTI was taken"})
    verdict = verdict_of(RULE, blind)
    assert (verdict.outcome, verdict.reason) == (Outcome.UNKNOWN, "CUPTI was taken")
