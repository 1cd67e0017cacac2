"""How long bytes need from pinned memory to the GPU: the wire time that no rule can save."""

from __future__ import annotations

from dataclasses import dataclass, replace

from infprof.profiler.gpu_table import lookup
from infprof.profiler.recording import Gpu, Machine

PINNED_BYTES_PER_S = {3: 12_000_000_000, 4: 26_000_000_000, 5: 55_000_000_000}
"""Pinned copies over 16 lanes by PCIe generation, about 80 to 88 % of the wire: Gen4 and Gen5 as
measured by NVIDIA's nvbandwidth, Gen3 by experience."""

UNKNOWN_LINK_BYTES_PER_S = 12_000_000_000
"""An unknown link is taken for the slowest one in use, so as to promise little."""

FULL_WIDTH = 16


@dataclass(frozen=True, slots=True)
class HostLink:
    """The link between the host and the GPU."""

    bytes_per_s: int
    """What a large copy from pinned memory reaches."""
    known: bool
    """Whether the machine told the link, or the slowest one is assumed."""
    coherent: bool
    """Grace hosts: the GPU reads pageable memory at full speed, so pinning gains nothing."""

    def wire_ns(self, size_bytes: int) -> int:
        """Time that this many bytes need at least."""
        return size_bytes * 10**9 // self.bytes_per_s


def host_link(machine: Machine) -> HostLink:
    """As measured on the machine, else the slowest link among its GPUs: a copy does not tell which
    one it went over."""
    links = [_link_of(gpu) for gpu in machine.gpus]
    if not links:
        return HostLink(UNKNOWN_LINK_BYTES_PER_S, known=False, coherent=False)
    slowest = min(links, key=lambda link: link.bytes_per_s)
    measured = machine.calibration and machine.calibration.copy_bytes_per_s.get("h2d.pinned")
    return replace(slowest, bytes_per_s=int(measured), known=True) if measured else slowest


def _link_of(gpu: Gpu) -> HostLink:
    spec = lookup(gpu.name, gpu.multiprocessors)
    if spec is not None and spec.link == "c2c":
        return HostLink(450_000_000_000, known=True, coherent=True)
    generation = gpu.pcie_generation_max
    if generation is None and spec is not None:
        generation = int(spec.link.removeprefix("pcie"))
    if generation not in PINNED_BYTES_PER_S:
        return HostLink(UNKNOWN_LINK_BYTES_PER_S, known=False, coherent=False)
    width = min(gpu.pcie_width_max or FULL_WIDTH, FULL_WIDTH)
    return HostLink(
        PINNED_BYTES_PER_S[generation] * width // FULL_WIDTH, known=True, coherent=False
    )
