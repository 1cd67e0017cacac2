"""What requests would take on another GPU, at most, by what the vendors' tables say of both.

Each kernel is taken to slow down by the larger of two ratios: of the peaks at the precisions that
multiply, and of the bandwidths. What limits it is one of them, so it gets no slower than that, if
the other GPU reaches as much of its peaks. None is taken to become quicker.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.gpu_table import GpuSpec, lookup
from infprof.profiler.intervals import intersect, length
from infprof.profiler.op_credit import EITHER
from infprof.profiler.roofline import Roofline
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Unknown

USUAL_PRECISIONS = ("fp32", "tf32", "fp16", "bf16")
"""Where it is not known which multiplied."""

LINKS = {"pcie3": 1, "pcie4": 2, "pcie5": 4}
"""Each generation has twice the rate of the one before."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What the requests ask of the one GPU that they use."""

    spec: GpuSpec
    precisions: Collection[str]
    kernel_ns: int
    copy_ns: int
    """Per request, here and above."""
    memory_bytes: int

    def slower_ns(self, other: GpuSpec) -> int | None:
        """By how much a request would take longer on another GPU, at most; ``None`` where that one
        lacks a precision, or is not compared."""
        peaks = [(self.spec.peak(one), other.peak(one)) for one in self.precisions]
        if self.spec.link not in LINKS or other.link not in LINKS:
            return None
        if any(here is not None and there is None for here, there in peaks):
            return None
        ratios = [here / there for here, there in peaks if here and there]
        bandwidths = self.spec.bandwidth_bytes_per_s / other.bandwidth_bytes_per_s
        of_copies = LINKS[self.spec.link] / LINKS[other.link]
        return round(
            self.kernel_ns * (max(1.0, bandwidths, *ratios) - 1)
            + self.copy_ns * (max(1.0, of_copies) - 1)
        )


def demand(evidence: Evidence, found: Roofline) -> Demand:
    """Raises ``Unknown``."""
    devices = {
        evidence.header.lanes[lane].device
        for lane in np.unique(evidence.timeline.events.lane[evidence.timeline.device_rows])
    }
    gpus = evidence.header.machine.gpus
    place = devices.pop() or 0
    if devices or place >= len(gpus):
        raise Unknown("the requests use several GPUs, or it is not known which one")
    spec = lookup(gpus[place].name, gpus[place].multiprocessors)
    if spec is None:
        raise Unknown("what this GPU can do at most is not in infprof's table")
    memory = evidence.series("gpu.memory_used")
    if memory is None:
        raise Unknown("how much of the GPU's memory is used was not sampled")
    executed = set(found.pieces.precision) - {""}
    return Demand(
        spec,
        executed if executed and EITHER not in executed else USUAL_PRECISIONS,
        _busy_ns(evidence, Kind.KERNEL),
        _busy_ns(evidence, Kind.COPY),
        int(memory.max()),
    )


def _busy_ns(evidence: Evidence, kind: Kind) -> int:
    busy = evidence.timeline.busy(evidence.timeline.by_kind[kind])
    return evidence.per_request(length(intersect(busy, evidence.covered)))
