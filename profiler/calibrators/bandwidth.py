"""The device's own memory, read and written: the better of a long copy and a triad ``a = b + s c``.

Bytes are those that the operator asks for; what a CPU reads only because it is going to be
overwritten is not counted. The best of several repeats: whatever disturbs one makes it slower.
"""

from __future__ import annotations

from infprof.profiler.calibrators import Bench, Figures, Measured, Unavailable, device_time
from infprof.profiler.probes.memory import last_level_cache_bytes
from infprof.profiler.repeats import repeat

ARRAYS = 3
CPU_ARRAY_BYTES = 128 * 2**20
"""At least, so that a copy touches 256 MB: virtual machines often tell smaller caches than those
below them."""
GPU_ARRAY_BYTES = 2**30
"""At most: copies of more are no faster."""
CACHES = 2
"""Each array is at least so many times the last-level cache: a copy touches four times as much."""
SHARE_OF_FREE = 4
"""All arrays together take at most this part, a quarter, of the free memory."""


def measure(bench: Bench) -> Measured:
    """``bandwidth_bytes_per_s``."""
    import torch

    size = array_bytes(_cache_bytes(bench), bench.free_bytes(), bench.on_gpu)
    with torch.inference_mode():
        # Filled: pages never written are all one page of zeros, which stays in the cache.
        a, b, c = (torch.ones(size // 4, device=bench.device) for _ in range(ARRAYS))
        copy = repeat(device_time(bench, lambda: a.copy_(b)), bench.part(2))
        triad = repeat(device_time(bench, lambda: torch.add(b, c, alpha=3, out=a)), bench.until_ns)
    best, spread = max(
        (2 * size / copy.best_ns * 1e9, copy.spread), (3 * size / triad.best_ns * 1e9, triad.spread)
    )
    return Measured(Figures(bandwidth_bytes_per_s=best), {"memory bandwidth": spread})


def array_bytes(cache: int | None, free: int | None, on_gpu: bool) -> int:
    """How long each array is to be; what is unknown is ``None``. Raises ``Unavailable``."""
    least = CACHES * (cache or 0)
    wanted = max(least, GPU_ARRAY_BYTES if on_gpu else CPU_ARRAY_BYTES)
    room = wanted if free is None else free // SHARE_OF_FREE // ARRAYS
    if room < (least or CPU_ARRAY_BYTES):
        raise Unavailable("too little memory is free for arrays that no cache holds")
    return min(wanted, room) // 4 * 4


def _cache_bytes(bench: Bench) -> int | None:
    if not bench.on_gpu:
        return last_level_cache_bytes(bench.root)
    import torch

    properties = torch.cuda.get_device_properties(torch.cuda.current_device())
    return getattr(properties, "L2_cache_size", None)
