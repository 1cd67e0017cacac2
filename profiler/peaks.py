"""What the device that did the work can do at most: as it was measured, else as its vendor says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from infprof.profiler.gpu_table import lookup
from infprof.profiler.recording import Gpu, Machine

Source = Literal["calibration", "table"]


@dataclass(frozen=True, slots=True)
class Peaks:
    """Ceilings of one device. What is not known is absent or ``None``."""

    device: str
    source: Source
    """``calibration``: the best rates that were observed on this machine (``calibration``);
    ``table``: dense peaks at the boost clock by the vendor (``gpus.json``)."""
    flops_per_s: Mapping[str, float]
    """By the precision that a kernel executes: ``fp64 fp32 tf32 fp16 bf16 fp8 int8``."""
    bytes_per_s: float | None

    def peak(self, precision: str | None) -> float | None:
        """FLOP/s at a precision, ``None`` where it is not known."""
        return self.flops_per_s.get(precision or "")

    def ridge(self, precision: str | None) -> float | None:
        """FLOP per byte above which arithmetic limits, and below which memory does."""
        peak = self.peak(precision)
        return None if peak is None or self.bytes_per_s is None else peak / self.bytes_per_s


def peaks_of(machine: Machine, on_gpu: bool | None = None, threads: object = None) -> Peaks | None:
    """The ceilings of the machine's GPU, or of its CPU; ``None`` where they are not known, or where
    its GPUs differ and it is not known which did the work.

    ``on_gpu`` says which of the two worked; by default the GPU if there is one. ``threads`` is how
    many the program used for an operator: of more than were measured, a CPU's rates say nothing.
    """
    if on_gpu is None:
        on_gpu = bool(machine.gpus)
    return _calibrated(machine, on_gpu, threads) or (_listed(machine.gpus) if on_gpu else None)


def _calibrated(machine: Machine, on_gpu: bool, threads: object) -> Peaks | None:
    found = machine.calibration
    if found is None or found.on_gpu != on_gpu:
        return None
    if not on_gpu and found.threads is not None and isinstance(threads, int):
        if threads > found.threads:
            return None
    names = {gpu.name for gpu in machine.gpus} if on_gpu else {machine.cpu.name or found.device}
    if names != {found.device}:
        return None
    if not found.flops_per_s and found.bandwidth_bytes_per_s is None:
        return None
    return Peaks(found.device, "calibration", found.flops_per_s, found.bandwidth_bytes_per_s)


def _listed(gpus: list[Gpu]) -> Peaks | None:
    specs = [lookup(gpu.name, gpu.multiprocessors) for gpu in gpus]
    spec = specs[0] if specs else None
    if spec is None or any(one != spec for one in specs):
        return None
    flops = {name: rate for name, rate in spec.flops_per_s.items() if rate is not None}
    return Peaks(spec.name, "table", flops, float(spec.bandwidth_bytes_per_s))
