"""small-copies: the fixed cost of many copies, none of which moves much."""

from __future__ import annotations

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.pretend_examples import recorded as pretended
from tests.rules.judge import evidence_of, verdict_of

RULE = "small-copies"


def copies(
    count: int = 8, size: str = "@4096", way: str = "HtoD (Pinned -> Device)", flag: str = ""
) -> Recording:
    """Each copy takes 8 us of the host and 2 us more of the device."""
    rows = [
        f"main: {at}-{at + 8} call cudaMemcpyAsync #{at + 1} | "
        f"s7: {at + 8}-{at + 10} copy Memcpy {way} #{at + 1} {size} {flag}"
        for at in range(0, 10 * count, 10)
    ]
    return recording("\n".join(["main: 0-200 request", "s7: 100-190 kernel gemm", *rows]))


def test_all_but_one_of_the_small_uploads_can_be_saved() -> None:
    (finding,) = verdict_of(RULE, copies()).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (14_000, 70_000)
    assert finding.stage == "h2d" and "Pack" in finding.title
    compile(finding.fix.code, "fix", "exec")


def test_so_can_the_operators_that_issue_them() -> None:
    slow, packed = (evidence_of(pretended("many_small_copies", cured=one)) for one in (False, True))
    (finding,) = verdict_of(RULE, slow.recording).findings
    saved = slow.wall_ns - packed.wall_ns  # the replay keeps a gap of 1 us for each copy
    assert 0.85 * saved < finding.saving.high_ns < saved


def test_small_downloads_promise_nothing_for_sure() -> None:
    (finding,) = verdict_of(RULE, copies(way="DtoH (Device -> Pinned)")).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 70_000)
    assert finding.stage == "d2h" and "Collect" in finding.title
    compile(finding.fix.code, "fix", "exec")


def test_seven_copies_are_fine() -> None:
    assert verdict_of(RULE, copies(7)).outcome == Outcome.CLEAR


def test_large_copies_are_fine() -> None:
    assert verdict_of(RULE, copies(size="@64000")).outcome == Outcome.CLEAR


def test_copies_of_a_graph_have_no_call_of_their_own() -> None:
    assert verdict_of(RULE, copies(flag="!graph")).outcome == Outcome.CLEAR


def test_copies_behind_compute_cost_nothing() -> None:
    hidden = "\n".join(
        f"s8: {at}-{at + 2} copy Memcpy HtoD (Pinned -> Device) @64" for at in range(80)
    )
    recorded = recording(f"main: 0-200 request\ns7: 0-190 kernel gemm\n{hidden}")
    assert verdict_of(RULE, recorded).outcome == Outcome.CLEAR


def test_copies_of_unknown_size_are_unknown() -> None:
    verdict = verdict_of(RULE, copies(size=""))
    assert verdict.outcome == Outcome.UNKNOWN and "how large" in verdict.reason


def test_without_device_activity_there_is_no_verdict() -> None:
    blind = recording("main: 0-100 request | main: 1-2 call cudaMemcpyAsync #1")
    assert verdict_of(RULE, blind).outcome == Outcome.UNKNOWN
