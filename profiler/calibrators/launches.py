"""What the GPU and its driver take for a launch, from kernel to kernel, and for a wait.

All are medians of several repeats, because that is what a program meets. The kernel is torch's own
empty one (``torch.cuda._sleep``), whose call is little more than the driver's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from infprof.profiler.calibrators import (
    Bench,
    Figures,
    Measured,
    Unavailable,
    between_ns,
    host_time,
    timing_events,
)
from infprof.profiler.repeats import Times, collect, repeat

KERNELS = 500
"""Queued behind one that holds them up: below the 1024 or so that a queue holds. Together they last
some 1000 times as long as the clock of events resolves (0.5 us)."""
HOLD_CYCLES = (20_000_000, 200_000_000)
"""About 10 and 100 ms at 2 GHz: longer than a host takes to queue the kernels at 10 us each."""


def measure(bench: Bench) -> Measured:
    """``launch_ns``, ``sync_ns``, ``gap_ns`` and ``graph_gap_ns``."""
    if not bench.on_gpu:
        raise Unavailable("there is no GPU to launch anything on")
    import torch

    empty = partial(torch.cuda._sleep, 0)
    wait = torch.cuda.current_stream().synchronize
    launch = repeat(host_time(bench, empty), bench.part(4))
    sync = repeat(host_time(bench, wait), bench.part(3))
    figures = Figures(launch_ns=round(launch.median_ns), sync_ns=round(sync.median_ns))
    missing = dict[str, str]()

    def launch_all() -> None:
        for _ in range(KERNELS):
            empty()

    try:
        figures["gap_ns"] = round(_kernel_to_kernel(launch_all, bench.part(2)).median_ns)
    except (RuntimeError, Unavailable) as reason:
        missing["gap"] = str(reason).partition("\n")[0]
    try:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            launch_all()
        figures["graph_gap_ns"] = round(_kernel_to_kernel(graph.replay, bench.until_ns).median_ns)
    except (RuntimeError, Unavailable) as reason:
        missing["graph gap"] = str(reason).partition("\n")[0]
    return Measured(figures, missing=missing)


def _kernel_to_kernel(enqueue: Callable[[], None], until_ns: int) -> Times:
    """From one of ``KERNELS`` queued empty kernels to the next. Raises ``Unavailable``."""
    _queued_ns(enqueue)  # warms up
    return collect(lambda: _queued_ns(enqueue) / KERNELS, until_ns)


def _queued_ns(enqueue: Callable[[], None]) -> float:
    """How long the device takes for what was queued before it could begin."""
    import torch

    sleep: Callable[[int], None] = torch.cuda._sleep
    for cycles in HOLD_CYCLES:
        start, end = timing_events()
        torch.cuda.synchronize()
        sleep(cycles)
        start.record()
        enqueue()
        end.record()
        held = not start.query()
        elapsed_ns = between_ns(start, end)
        if held:
            return elapsed_ns
    raise Unavailable("the host could not queue kernels faster than the GPU ran them")
