"""unoverlapped-copies: the device copies and computes in turn where it could do both."""

from __future__ import annotations

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
