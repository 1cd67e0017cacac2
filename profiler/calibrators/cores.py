"""How many CPU-bound threads advance at once: matrix products alone, and in 2, 4 ... threads.

Twice the hardware threads of a core are not twice the cores, and a quota stops all at once: both
show here and in no count of CPUs. The best of several repeats, alone and together; the number of
threads that gets most done counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Barrier
from typing import TYPE_CHECKING

from infprof.profiler.calibrators import Bench, Figures, Measured
from infprof.profiler.clock import now_ns
from infprof.profiler.probes.cpu_limits import cpu_limits
from infprof.profiler.repeats import FEWEST, repeat

if TYPE_CHECKING:
    from torch import Tensor

ROWS = 512
"""Of the square products: milliseconds each, so that the threads seldom need the interpreter."""
REPEAT_NS = 200_000_000
"""Two periods of a cgroup's quota, of 100 ms each unless set otherwise (Linux, "CFS Bandwidth
Control"): shorter repeats could end before the quota does."""
START_SECONDS = 10.0
"""For all threads to start; where it passes, something is wrong."""


def measure(bench: Bench) -> Measured:
    """``cores``, at least 1."""
    usable = cpu_limits(bench.root).usable or os.cpu_count() or 1
    crowds = [2**power for power in range(1, usable.bit_length()) if 2**power < usable] + [usable]
    if usable == 1:
        return Measured(Figures(cores=1.0))
    import torch

    results = [torch.empty(ROWS, ROWS) for _ in range(usable)]
    together = partial(_together, torch.ones(ROWS, ROWS))
    left_ns = max(0, bench.until_ns - now_ns())
    long_ns = min(REPEAT_NS, left_ns // ((len(crowds) + 1) * (FEWEST + 1)))
    best = 1.0
    with one_thread_each():
        alone = repeat(partial(together, results[:1]), bench.part(len(crowds) + 1), long_ns)
        for place, crowd in enumerate(crowds):
            until_ns = bench.part(len(crowds) - place)
            times = repeat(partial(together, results[:crowd]), until_ns, long_ns)
            best = max(best, min(crowd, crowd * alone.best_ns / times.best_ns))
    return Measured(Figures(cores=best), {"cores": alone.spread})


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let one operator use one thread; then as many as before."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _together(factor: Tensor, results: list[Tensor], count: int) -> float:
    """From the first thread's start to the last one's end; each computes ``count`` products."""
    barrier = Barrier(len(results), timeout=START_SECONDS)
    with ThreadPoolExecutor(len(results)) as pool:
        spans = list(pool.map(partial(_alone, barrier, count, factor), results))
    return max(end for _, end in spans) - min(start for start, _ in spans)


def _alone(barrier: Barrier, count: int, factor: Tensor, result: Tensor) -> tuple[int, int]:
    import torch

    with torch.inference_mode():  # a thread does not inherit it
        torch.mm(factor, factor, out=result)  # a thread's first one is slower
        barrier.wait()
        start = now_ns()
        for _ in range(count):
            torch.mm(factor, factor, out=result)
        return start, now_ns()
