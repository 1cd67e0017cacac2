"""Which calls waited for the device, for what, and when a long call handed its work over."""

from __future__ import annotations

import pytest

from infprof.profiler.breakdown import UNATTRIBUTED, by_critical_path
from infprof.profiler.critical_path import CriticalPaths
from infprof.profiler.timeline import Timeline
from tests.build import recording


def paths_of(text: str) -> CriticalPaths:
    return CriticalPaths(Timeline(recording(text)))


def awaited(text: str) -> dict[str, str]:
    """The names of the waiting calls and of the work that each waited for."""
    paths = paths_of(text)
    waits, name = paths.waits, paths.links.timeline.name
    rows = paths.links.rows[waits.places]
    return {name(call): name(row) for call, row in zip(waits.calls, rows, strict=True)}


def exposed(text: str) -> dict[str, int]:
    """Exposed microseconds by leaf."""
    paths = paths_of(text)
    found = by_critical_path(paths.links.timeline, paths)
    return {leaf: time // 1000 for leaf, (time, _) in found.leaves.items() if time}


KERNEL = "main: 0-10 call cudaLaunchKernel #1 | s7: 10-300 kernel gemm #1"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("main: 20-305 call cudaStreamSynchronize", "gemm"),
        ("main: 310-312 call cudaStreamSynchronize", None),  # there was nothing left to wait for
        (
            "main: 20-320 call cudaMemcpyAsync #2 | "
            "s7: 302-318 copy Memcpy DtoH (Device -> Pageable) #2 @8",
            "Memcpy DtoH (Device -> Pageable)",
        ),
        (
            "main: 20-25 call cudaMemcpyAsync #2 | "
            "s7: 302-318 copy Memcpy HtoD (Pinned -> Device) #2 @8",
            None,
        ),
        (  # staged when the kernel before it was done; its bytes move as the call returns
            "main: 20-330 call cudaMemcpyAsync #2 | "
            "s7: 329-360 copy Memcpy HtoD (Pageable -> Device) #2 @8",
            "gemm",
        ),
        ("main: 20-301 call cudaLaunchKernel #2 | s7: 302-303 kernel sort #2", None),
        (  # no room in the queue: the device works from its start to its end
            "main: 20-301 call cudaLaunchKernel #2 | s7: 300-303 kernel sort #2",
            "gemm",
        ),
    ],
)
def test_what_a_call_waited_for(rows: str, expected: str | None) -> None:
    found = awaited(f"main: 0-400 request | {KERNEL} | {rows}")
    assert list(found.values()) == ([expected] if expected else [])


def test_a_launch_that_first_loads_code_is_the_hosts_time() -> None:
    found = exposed("""
        main: 0-1000 request
        main: 0-900 call cudaLaunchKernel #1 | s7: 895-980 kernel gemm #1
        main: 910-990 call cudaDeviceSynchronize
    """)
    assert found["python.launch"] >= 885 and found["compute.gemm"] == 85


def test_a_lag_that_no_device_takes_is_not_explained() -> None:
    found = exposed("""
        main: 0-990 request
        main: 0-10 call cudaLaunchKernel #1 | s7: 600-980 kernel gemm #1
        main: 20-990 call cudaDeviceSynchronize
    """)
    assert found[UNATTRIBUTED] == 600 and found["compute.gemm"] == 380


def test_a_graph_on_streams_of_its_own_holds_up_what_follows() -> None:
    found = exposed("""
        main: 0-500 request
        main: 0-10 call cudaGraphLaunch #1
        s9: 15-200 kernel gemm #1 !graph | s9: 201-300 kernel sort #1 !graph
        main: 12-20 call cudaMemcpyAsync #2
        s7: 302-400 copy Memcpy DtoH (Device -> Pinned) #2 @8
        main: 25-405 call cudaStreamSynchronize
    """)
    computing = sum(time for leaf, time in found.items() if leaf.startswith("compute."))
    assert (computing, found["d2h.copy"]) == (185 + 99, 98)
