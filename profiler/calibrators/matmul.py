"""Matrix multiplications by precision: the best rate of square ones of growing size.

Random numbers, not zeros: a GPU's clock depends on how many bits change. The best of several
repeats counts, because whatever disturbs one only makes it slower; what is slow for want of the
hardware (bf16 on many CPUs) is told as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from os import environ
from typing import TYPE_CHECKING

from infprof.profiler.calibrators import Bench, Figures, Measured, device_time
from infprof.profiler.clock import now_ns
from infprof.profiler.repeats import FEWEST, Work, repeat

if TYPE_CHECKING:
    import torch

ON_CPU = ("fp32", "fp64", "bf16")
ON_GPU = ("fp16", "bf16", "tf32", "fp32", "fp64")
SIZES = {False: (256, 512, 1024, 2048, 4096), True: (1024, 2048, 4096, 8192, 16384)}
"""Rows of the square matrices, on the GPU or not: which is best is found out. The largest take
1.6 GB in fp16."""
SHARE_OF_FREE = 4
"""The three matrices take at most this part, a quarter, of the free memory."""
_DTYPES = {
    "fp64": "float64", "fp32": "float32", "tf32": "float32", "fp16": "float16", "bf16": "bfloat16",
}  # fmt: skip


def measure(bench: Bench) -> Measured:
    """``flops_per_s`` of each precision that the device has."""
    import torch

    wanted, missing = _precisions(bench)
    rates, spreads = dict[str, float](), dict[str, float]()
    for place, precision in enumerate(wanted):
        try:
            with torch.inference_mode(), float32_as("high" if precision == "tf32" else "highest"):
                found = _best(bench, getattr(torch, _DTYPES[precision]), len(wanted) - place)
                rates[precision], spreads[precision] = found
        except RuntimeError as error:  # no kernel for it, or no memory
            missing[precision] = str(error).partition("\n")[0]
    return Measured(Figures(flops_per_s=rates), spreads, missing)


@contextmanager
def float32_as(precision: str) -> Iterator[None]:
    """Let float32 be multiplied as ``highest`` (itself) or ``high`` (TF32); then as before."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _precisions(bench: Bench) -> tuple[list[str], dict[str, str]]:
    """Those that the device computes in by itself, and why others are left out."""
    if not bench.on_gpu:
        return list(ON_CPU), {}
    import torch

    missing = dict[str, str]()
    on_amd = torch.version.hip is not None
    if not on_amd and torch.cuda.get_device_capability()[0] < 8:
        missing = dict.fromkeys(("bf16", "tf32"), "the GPU is older than compute capability 8.0")
    elif on_amd:
        missing["tf32"] = "not measured on AMD GPUs"
    elif "NVIDIA_TF32_OVERRIDE" in environ:
        missing["tf32"] = "NVIDIA_TF32_OVERRIDE is set, so that fp32 and tf32 cannot be told apart"
    return [one for one in ON_GPU if one not in missing], missing


def _best(bench: Bench, dtype: torch.dtype, parts: int) -> tuple[float, float]:
    """FLOP/s of the best size, and how far the repeats of that size were apart."""
    sizes = SIZES[bench.on_gpu]
    _multiply(bench, dtype, sizes[0])(1)  # the first of all loads a library: a second or more
    until_ns = bench.part(parts)
    found: list[tuple[float, float]] = []
    for size in sizes:
        free = bench.free_bytes()
        if found and free is not None and 3 * size**2 * dtype.itemsize > free // SHARE_OF_FREE:
            break
        multiply = _multiply(bench, dtype, size)
        left = len(sizes) - len(found)
        times = repeat(multiply, now_ns() + (until_ns - now_ns()) // left)
        found.append((2 * size**3 / times.best_ns * 1e9, times.spread))
        if now_ns() + 8 * times.best_ns * (FEWEST + 1) > until_ns:  # eight times the work
            break
    return max(found)


def _multiply(bench: Bench, dtype: torch.dtype, size: int) -> Work:
    """Multiplies two square matrices of random numbers."""
    import torch

    dice = torch.Generator(bench.device).manual_seed(0)  # the user's own dice stay untouched
    a, b = (
        torch.randn(size, size, dtype=dtype, device=bench.device, generator=dice) for _ in range(2)
    )
    return device_time(bench, partial(torch.mm, a, b, out=torch.empty_like(a)))
