"""Whatever links a trace has or lacks, it is explained or left alone: nothing crashes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infprof.profiler.breakdown import by_critical_path
from infprof.profiler.critical_path import CriticalPaths
from infprof.profiler.events import Kind
from infprof.profiler.recording import Recording, Requests
from infprof.profiler.replay import Change, Replay
from infprof.profiler.stints import Stints
from infprof.profiler.timeline import Timeline
from tests.build import recording

TIMES = st.tuples(st.integers(0, 900), st.integers(0, 400)).map(lambda t: f"{t[0]}-{sum(t)}")
CALLS = st.sampled_from(
    [
        "cudaLaunchKernel", "cudaGraphLaunch", "cudaMemcpyAsync", "cudaMemcpy", "cudaMalloc",
        "cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaStreamWaitEvent", "cudaFree",
    ]
)  # fmt: skip
WORK = st.sampled_from(
    [
        "kernel gemm", "kernel sort !graph", "copy Memcpy HtoD (Pageable -> Device)",
        "copy Memcpy DtoH (Device -> Pageable)", "copy Memcpy DtoD (Device -> Device)",
    ]
)  # fmt: skip
IDS = st.integers(1, 6).map(lambda number: f"#{number}")
STINTS = st.builds(
    lambda start, time, lane, wait: (1, start, start + time, lane, wait),
    st.integers(0, 900_000), st.integers(0, 400_000), st.integers(0, 2),
    st.sampled_from(["", "", "thread pool", "event loop"]),
)  # fmt: skip
ROWS = st.one_of(
    st.builds("{}: {} call {} {}".format, st.sampled_from(["main", "t2"]), TIMES, CALLS, IDS),
    st.builds("{}: {} {} {}".format, st.sampled_from(["s7", "s9"]), TIMES, WORK, IDS),
    st.builds("main: {} op aten::mm".format, TIMES),
)


def numbered(made: Recording) -> Requests:
    table = made.requests
    return replace(table, number=np.ones(len(table), np.int64))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ROWS, min_size=1, max_size=25), st.booleans(), st.lists(STINTS, max_size=8))
def test_any_events_are_explained(
    rows: list[str], marked: bool, stints: list[tuple[int, int, int, int, str]]
) -> None:
    text = "\n".join(["main: 0-1 op aten::mm", "t2: 0-1 op aten::mm", "s7: 0-1 kernel gemm", *rows,
                      *(["main: 100-800 request"] if marked else [])])  # fmt: skip
    made = recording(text)
    if stints and marked:
        made = replace(made, stints=Stints.from_rows(stints), requests=numbered(made))
    timeline = Timeline(made)
    paths = CriticalPaths(timeline)
    assert 0 <= paths.unknown_helpers_share <= 1
    found = by_critical_path(timeline, paths)
    for one in found.requests:
        assert sum(share.exposed_ns for share in one.leaves.values()) == one.request.wall_ns
        replay = Replay(paths.waits, one.request, paths.helpers.of(one.request))
        waits = frozenset(paths.waits.may_wait.tolist())
        assert replay.wall_ns() >= 0 and replay.wall_ns(Change(waits_removed=waits)) >= 0
        copies = frozenset(timeline.by_kind[Kind.COPY].tolist())
        assert 0 <= replay.wall_ns(Change(ahead=copies)) < 10_000_000
