"""Savings by replay, as rules and the verdict ask for them."""

from __future__ import annotations

from infprof.profiler.recording import Recording
from infprof.reports.limits import limit_by_replay
from infprof.rules.evidence import Evidence
from tests.build import recording
from tests.rules.judge import evidence_of


def loop(host_us: int, kernel_us: int, waits: bool, number: int = 20) -> Recording:
    """One request that launches kernels one by one, and waits for each or for the last alone."""
    rows, now, free = list[str](), 0, 0
    for one in range(1, number + 1):
        rows.append(f"main: {now}-{now + host_us} op aten::mm")
        now += host_us
        start = max(now + 6, free + 1)
        free = start + kernel_us
        rows.append(f"main: {now}-{now + 5} call cudaLaunchKernel #{one}")
        rows.append(f"s7: {start}-{free} kernel gemm #{one}")
        now += 5
        if waits or one == number:
            end = max(now, free) + 2
            rows.append(f"main: {now}-{end} call cudaStreamSynchronize")
            now = end
    return recording("\n".join([f"main: 0-{now} request", *rows]))


def saved_shares(evidence: Evidence) -> dict[str, float]:
    assert evidence.replays is not None
    return {
        stage: round(evidence.replays.saved_without_ns(stage) / evidence.wall_ns, 1)
        for stage in ("compute", "python", "d2h")
    }


def test_a_hidden_stage_saves_nothing() -> None:
    launching = evidence_of(loop(host_us=50, kernel_us=10, waits=False))
    assert saved_shares(launching) == {"compute": 0.0, "python": 0.8, "d2h": 0.0}
    computing = evidence_of(loop(host_us=10, kernel_us=50, waits=False))
    assert saved_shares(computing) == {"compute": 0.7, "python": 0.0, "d2h": 0.0}


def test_what_limits_is_what_a_replay_saves_most_without() -> None:
    assert limit_by_replay(evidence_of(loop(50, 10, waits=False))) == "python"
    assert limit_by_replay(evidence_of(loop(10, 50, waits=False))) == "compute"


def test_taking_turns_is_a_limit_of_its_own() -> None:
    found = limit_by_replay(evidence_of(loop(45, 50, waits=True)))
    assert found is not None and not isinstance(found, str)
    assert found.limit == "sync-bound" and "in turn" in found.activity


def test_where_host_and_device_are_equally_busy_neither_limits() -> None:
    launching = limit_by_replay(evidence_of(loop(50, 50, waits=False, number=40)))
    assert launching is not None and not isinstance(launching, str)
    assert launching.limit == "balanced" and "neither alone" in launching.activity


def test_without_links_there_is_no_answer() -> None:
    alone = evidence_of(recording("main: 0-100 request | s7: 10-90 kernel gemm"))
    assert alone.replays is None
    assert limit_by_replay(alone) is None
