"""Long copies between host and GPU, pinned and pageable, both ways.

The best of several repeats counts, because whatever disturbs one only makes it slower.
"""

from __future__ import annotations

from functools import partial

from infprof.profiler.calibrators import Bench, Figures, Measured, Unavailable, device_time
from infprof.profiler.probes.memory import available_bytes
from infprof.profiler.repeats import repeat

COPY_BYTES = 256 * 2**20
"""At 55 GB/s (pinned, PCIe 5 x16) it takes 5 ms, 500 times as long as starting a copy (10 us)."""
LEAST_BYTES = 16 * 2**20
"""At 55 GB/s it takes 0.3 ms: starting a copy then counts for 3 %."""
SHARE_OF_FREE = 8
"""A copy takes at most this part, an eighth, of the free memory on either side."""


def measure(bench: Bench) -> Measured:
    """``copy_bytes_per_s`` of the four kinds."""
    if not bench.on_gpu:
        raise Unavailable("there is no GPU to copy to")
    import torch

    size = copy_bytes(bench.free_bytes(), available_bytes(bench.root))
    rates, spreads = dict[str, float](), dict[str, float]()
    device = torch.ones(size, dtype=torch.uint8, device="cuda")
    for done, pinned in enumerate((True, False)):
        # Filled: pages never written are all one page of zeros, which stays in the cache.
        host = torch.ones(size, dtype=torch.uint8, pin_memory=pinned)
        ways = {"h2d": (device, host), "d2h": (host, device)}
        for place, (way, (into, source)) in enumerate(ways.items()):
            copy = device_time(bench, partial(into.copy_, source, non_blocking=pinned))
            times = repeat(copy, bench.part(4 - 2 * done - place))
            kind = f"{way}.{'pinned' if pinned else 'pageable'}"
            rates[kind] = size / times.best_ns * 1e9
            spreads[f"copy {kind}"] = times.spread
    return Measured(Figures(copy_bytes_per_s=rates), spreads)


def copy_bytes(gpu_free: int | None, host_free: int | None) -> int:
    """How much to copy at once; what is unknown is ``None``. Raises ``Unavailable``."""
    free = [one // SHARE_OF_FREE for one in (gpu_free, host_free) if one is not None]
    size = min([COPY_BYTES, *free])
    if size < LEAST_BYTES:
        raise Unavailable("too little memory is free for a long copy")
    return size
