"""pageable-copies: bytes that the driver has to stage, and memory pinned in the request."""

from __future__ import annotations

from infprof.profiler.recording import Gpu, Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "pageable-copies"
UNLISTED = Gpu(name="A card nobody knows", sm_major=8, sm_minor=0)


def one_copy(
    memory: str, size_bytes: int = 26_000_000, gpus: tuple[Gpu, ...] | None = None
) -> Recording:
    text = f"""
        main: 0-10000 request
        main: 1000-5000 call cudaMemcpyAsync #1
        s7: 3000-5000 copy Memcpy HtoD ({memory} -> Device) #1 @{size_bytes}
        s7: 5000-9000 kernel gemm #2
    """
    return recording(text) if gpus is None else recording(text, gpus=gpus)


def test_staging_and_copy_beyond_the_wire_time_can_be_saved() -> None:
    verdict = verdict_of(RULE, one_copy("Pageable"))
    (finding,) = verdict.findings
    # 4 ms exposed; 26 MB need 1 ms at 26 GB/s; refilling the ring at 8 GB/s could cost 3.25 ms
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 3_000_000)
    assert finding.saving.confidence == "B" and finding.stage == "h2d"
    compile(finding.fix.code, "fix", "exec")


def test_the_low_estimate_pays_for_filling_the_buffer() -> None:
    verdict = verdict_of(RULE, one_copy("Pageable", 5_200_000))
    (finding,) = verdict.findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (3_150_000, 3_800_000)


def test_nothing_is_promised_over_an_unknown_link() -> None:
    (finding,) = verdict_of(RULE, one_copy("Pageable", 24_000_000, (UNLISTED,))).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 2_000_000)
    assert finding.saving.confidence == "C"


def test_a_narrower_link_leaves_less_to_save() -> None:
    narrow = Gpu(name="NVIDIA A100-PCIE-40GB", pcie_generation_max=4, pcie_width_max=8)
    (finding,) = verdict_of(RULE, one_copy("Pageable", gpus=(narrow,))).findings
    assert finding.saving.high_ns == 2_000_000


def test_pinned_copies_are_fine() -> None:
    verdict = verdict_of(RULE, one_copy("Pinned"))
    assert (verdict.outcome, verdict.reason) == (Outcome.CLEAR, "")


def test_inputs_under_a_megabyte_are_fine() -> None:
    assert verdict_of(RULE, one_copy("Pageable", 999_999)).outcome == Outcome.CLEAR


def test_coherent_memory_needs_no_pinning() -> None:
    grace = (Gpu(name="NVIDIA GH200 480GB"),)
    assert verdict_of(RULE, one_copy("Pageable", gpus=grace)).outcome == Outcome.CLEAR


def test_a_copy_behind_compute_costs_nothing() -> None:
    hidden = recording("""
        main: 0-10000 request
        main: 1000-5000 call cudaMemcpyAsync #1
        s8: 3000-5000 copy Memcpy HtoD (Pageable -> Device) #1 @26000000
        s7: 0-9000 kernel gemm #2
    """)
    assert verdict_of(RULE, hidden).outcome == Outcome.CLEAR


def test_unknown_memory_is_unknown() -> None:
    verdict = verdict_of(RULE, one_copy("Host"))
    assert verdict.outcome == Outcome.UNKNOWN and "pinned" in verdict.reason


def test_without_device_activity_there_is_no_verdict() -> None:
    blind = recording("main: 0-100 request | main: 10-20 call cudaMemcpyAsync #1")
    assert verdict_of(RULE, blind).outcome == Outcome.UNKNOWN


def pinning(thread: str, requests: int = 2, mark: str = "request") -> Recording:
    rows = [
        f"""
        main: {at}-{at + 1000} {mark}
        main: {at + 590}-{at + 599} call cudaLaunchKernel #2
        {thread}: {at + 100}-{at + 500} op aten::pin_memory
        s7: {at + 500}-{at + 600} copy Memcpy HtoD (Pinned -> Device) #1 @2000000
        s7: {at + 600}-{at + 900} kernel gemm #2
        """
        for at in range(0, 1000 * requests, 1000)
    ]
    return recording("".join(rows))


def test_pinning_in_each_request_is_told_to_stop() -> None:
    (finding,) = verdict_of(RULE, pinning("main")).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 400_000)
    assert "pinned once" in finding.title


def test_pinning_on_a_loader_thread_is_fine() -> None:
    assert verdict_of(RULE, pinning("t2")).outcome == Outcome.CLEAR
    assert verdict_of(RULE, pinning("t2", mark="range step")).outcome == Outcome.CLEAR
    assert verdict_of(RULE, pinning("main", mark="range step")).outcome == Outcome.FOUND


def test_pinning_once_is_the_cure_and_no_finding() -> None:
    assert verdict_of(RULE, pinning("main", requests=1)).outcome == Outcome.CLEAR


def test_the_advice_is_never_to_pin_per_request() -> None:
    (finding,) = verdict_of(RULE, one_copy("Pageable")).findings
    assert ".pin_memory()" not in finding.fix.code
    assert "Never call x.pin_memory() per request" in finding.fix.risk
