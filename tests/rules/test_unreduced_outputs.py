"""unreduced-outputs: large results that travel back to the host."""

from __future__ import annotations

from infprof.profiler.recording import Gpu, Recording
from infprof.rules.finding import Outcome
from tests.build import A100, recording
from tests.rules.judge import verdict_of

RULE = "unreduced-outputs"


def one_copy(size: str = "@26000000", memory: str = "Pageable", gpu: Gpu = A100) -> Recording:
    """A kernel of 5 ms, then a copy of 4 ms to the host, which waits for both."""
    return recording(
        f"""
        main: 0-10000 request
        main: 0-10 call cudaLaunchKernel #1
        s7: 20-5000 kernel gemm #1
        main: 20-9010 call cudaMemcpyAsync #2
        s7: 5000-9000 copy Memcpy DtoH (Device -> {memory}) #2 {size}
        """,
        gpus=(gpu,),
    )


def test_what_a_pinned_buffer_saves_is_sure_and_all_of_it_possible() -> None:
    (finding,) = verdict_of(RULE, one_copy()).findings
    # 26 MB need 1 ms at 26 GB/s
    assert (finding.saving.low_ns, finding.saving.high_ns) == (3_000_000, 4_000_000)
    assert finding.saving.confidence == "C" and finding.stage == "d2h"
    assert "26.0 MB per request" in finding.why
    compile(finding.fix.code, "fix", "exec")


def test_over_an_unknown_link_nothing_is_sure() -> None:
    (finding,) = verdict_of(RULE, one_copy(gpu=Gpu(name="A card nobody knows"))).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 4_000_000)


def test_into_pinned_memory_only_less_bytes_are_quicker() -> None:
    (finding,) = verdict_of(RULE, one_copy(memory="Pinned")).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 4_000_000)


def test_the_wait_for_the_kernel_is_not_the_copys() -> None:
    """The call takes 126 ms, the copy of 800 bytes nothing."""
    trap = recording("""
        main: 0-130000 request
        main: 0-10 call cudaLaunchKernel #1
        s7: 20-126000 kernel gemm #1
        main: 20-126010 call cudaMemcpyAsync #2
        s7: 126000-126002 copy Memcpy DtoH (Device -> Pageable) #2 @800
    """)
    assert verdict_of(RULE, trap).outcome is Outcome.CLEAR


def test_small_results_are_fine() -> None:
    verdict = verdict_of(RULE, one_copy("@999999"))
    assert (verdict.outcome, verdict.reason) == (Outcome.CLEAR, "")


def test_many_small_copies_are_another_rules_case() -> None:
    rows = "\n".join(
        f"s7: {at}-{at + 90} copy Memcpy DtoH (Device -> Pageable) #{at} @63999"
        for at in range(0, 9000, 100)
    )
    assert verdict_of(RULE, recording(f"main: 0-9000 request\n{rows}")).outcome is Outcome.CLEAR


def test_a_copy_behind_compute_costs_nothing() -> None:
    hidden = recording("""
        main: 0-10000 request
        s7: 0-9900 kernel gemm #1
        s8: 3000-5000 copy Memcpy DtoH (Device -> Pinned) #2 @26000000
    """)
    assert verdict_of(RULE, hidden).outcome is Outcome.CLEAR


def test_unknown_sizes_are_unknown() -> None:
    verdict = verdict_of(RULE, one_copy(""))
    assert verdict.outcome is Outcome.UNKNOWN and "how large" in verdict.reason


def test_without_device_activity_there_is_no_verdict() -> None:
    blind = recording("main: 0-100 request | main: 10-20 call cudaMemcpyAsync #1")
    assert verdict_of(RULE, blind).outcome is Outcome.UNKNOWN
