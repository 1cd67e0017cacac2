"""What a GPU can do at most, by its name: dense peaks, bandwidth, host link (``gpus.json``).

A name is matched as a whole, never in part: an A10, an A10G and an A100 share letters and nothing
else, and a ``Ti``, ``D`` or ``Laptop`` variant is another chip. An unlisted device is ``None``.
Peaks hold at the boost clock: scale by the clock under load before calling a kernel slow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Link = Literal["pcie3", "pcie4", "pcie5", "c2c"]

VENDOR = re.compile(r"^((nvidia|tesla|geforce)\s+)+", re.IGNORECASE)
"""Prefixes that come and go with the driver."""

SLICE = re.compile(r"^(?P<card>.+?) MIG \d+g\.(?P<memory_gb>\d+)gb\b", re.IGNORECASE)
"""``NVIDIA A100-SXM4-40GB MIG 1g.5gb``: one slice of a partitioned card."""

MEMORY_SLICES = 8
"""A partitioned card hands out its memory, and with it the bandwidth, in eighths."""


@dataclass(frozen=True, slots=True)
class GpuSpec:
    """One row of the table in base units. A peak of ``None``: no such path, or not published."""

    name: str
    sm: tuple[int, int]
    """Compute capability."""
    multiprocessors: int | None
    flops_per_s: Mapping[str, float | None]
    """Dense peak by the precision a kernel executes: ``fp64 fp32 tf32 fp16 bf16 fp8 int8``."""
    memory_bytes: int
    bandwidth_bytes_per_s: int
    l2_bytes: int
    link: Link
    """To the host. ``c2c`` is coherent: what is said of pinned and pageable memory fails there."""

    def peak(self, precision: str) -> float | None:
        """Dense peak in FLOP/s at a precision, ``None`` where the device has no path for it."""
        return self.flops_per_s.get(precision)

    def ridge(self, precision: str) -> float | None:
        """FLOP per byte above which a kernel is bound by arithmetic and no longer by memory."""
        peak = self.peak(precision)
        return None if peak is None else peak / self.bandwidth_bytes_per_s


def lookup(name: str, multiprocessors: int | None = None) -> GpuSpec | None:
    """The device that NVML, CUDA or a trace calls ``name``; ``None`` if the table lacks it.

    A MIG slice gets its part of the card, for which its number of multiprocessors must be known.
    """
    part = SLICE.match(name.strip())
    spec = _table().get(_plain(part["card"] if part else name))
    if spec is None or part is None:
        return spec
    return _slice(spec, name.strip(), multiprocessors, int(part["memory_gb"]))


def gpu_names() -> tuple[str, ...]:
    """All that the table has, in lower case and without the vendor; ``lookup`` takes them too."""
    return tuple(_table())


def _plain(name: str) -> str:
    return VENDOR.sub("", name.strip()).lower()


def _slice(card: GpuSpec, name: str, multiprocessors: int | None, memory_gb: int) -> GpuSpec | None:
    if multiprocessors is None or card.multiprocessors is None:
        return None
    compute = multiprocessors / card.multiprocessors
    memory = round(MEMORY_SLICES * memory_gb * 10**9 / card.memory_bytes) / MEMORY_SLICES
    return replace(
        card,
        name=name,
        multiprocessors=multiprocessors,
        flops_per_s={
            precision: None if peak is None else peak * compute
            for precision, peak in card.flops_per_s.items()
        },
        memory_bytes=memory_gb * 10**9,
        bandwidth_bytes_per_s=round(card.bandwidth_bytes_per_s * memory),
        l2_bytes=round(card.l2_bytes * memory),
    )


@cache
def _table() -> dict[str, GpuSpec]:
    text = files("infprof.profiler").joinpath("gpus.json").read_text("utf-8")
    return {name.lower(): _spec(name, row) for name, row in json.loads(text)["gpus"].items()}


def _spec(name: str, row: dict[str, Any]) -> GpuSpec:
    major, minor = row["sm"].split(".")
    return GpuSpec(
        name=name,
        sm=(int(major), int(minor)),
        multiprocessors=row["multiprocessors"],
        flops_per_s={
            precision: None if tera is None else tera * 1e12
            for precision, tera in row["tflops"].items()
        },
        memory_bytes=row["memory_gb"] * 10**9,
        bandwidth_bytes_per_s=row["bandwidth_gb_s"] * 10**9,
        l2_bytes=row["l2_mb"] * 10**6,
        link=row["link"],
    )
