"""The host's time for one small operator in eager mode: an addition of two one-element tensors.

The median of several repeats counts, because that is what a program meets. It includes Python's
call and the new tensor; on the CPU also the addition itself, on a GPU its launch.
"""

from __future__ import annotations

from functools import partial

from infprof.profiler.calibrators import Bench, Figures, Measured, host_time
from infprof.profiler.repeats import repeat


def measure(bench: Bench) -> Measured:
    """``dispatch_ns``."""
    import torch

    with torch.inference_mode():
        one = torch.ones(1, device=bench.device)
        times = repeat(host_time(bench, partial(torch.add, one, one)), bench.until_ns)
    return Measured(Figures(dispatch_ns=round(times.median_ns)))
