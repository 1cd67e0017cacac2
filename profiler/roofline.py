"""The roofline: how close the device's work comes to what the device can do at most.

Work is grouped by kernel family and executed precision. MFU and MBU are of the explained requests:
what their operators computed and moved, over what the device could have in the same time. They are
no GPU utilization, which only says that some kernel ran.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import Intervals, holds, length, union
from infprof.profiler.op_credit import EITHER, pieces_of
from infprof.profiler.peaks import Peaks, peaks_of
from infprof.profiler.timeline import Timeline
from infprof.profiler.work_groups import Group, groups_of
from infprof.profiler.work_pieces import DENSE, Pieces

ENOUGH_KNOWN = 0.8
"""Where less of the time has a known work, MFU and MBU are not given. What is missing makes them
too low: with a fifth missing by about a quarter, the error of the coarser predicted savings (B)."""


@dataclass(frozen=True)
class Roofline:
    """All groups, longest first, and the two figures for the whole."""

    pieces: Pieces
    """Of the explained requests."""
    peaks: Peaks | None
    wall_ns: int
    """Time of the requests, each moment once."""
    no_shapes: str | None
    """Why no input shapes are known, if so."""
    on_gpu: bool

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """By family and precision."""
        return groups_of(self.pieces, self._known, self.peaks)

    @cached_property
    def busy_ns(self) -> int:
        """Time that any piece covers."""
        return self.pieces.busy_ns()

    @cached_property
    def known_share(self) -> float:
        """Of the busy time, how much has a known work."""
        return self._share_of(self._known, np.ones(len(self._known), np.bool_))

    @cached_property
    def mfu(self) -> float | None:
        """Achieved over peak FLOP/s at the executed precisions; ``None`` for ``missing['mfu']``."""
        return None if self.missing.keys() & {"roofline", "mfu"} else self._mfu

    @cached_property
    def mbu(self) -> float | None:
        """Least bytes over what the memory could have moved; ``None`` for ``missing['mbu']``."""
        return None if self.missing.keys() & {"roofline", "mbu"} else self._mbu

    @cached_property
    def missing(self) -> Mapping[str, str]:
        """What is not known, each with the reason: ``roofline``, ``mfu``, ``mbu``."""
        if not self._known.any():
            return {"roofline": self.no_shapes or "no work of known size was recorded"}
        found = {"mfu": self._no_mfu(), "mbu": self._no_mbu()}
        return {figure: reason for figure, reason in found.items() if reason is not None}

    @cached_property
    def _known(self) -> npt.NDArray[np.bool_]:
        dense = np.isin(self.pieces.family, DENSE)
        return np.where(dense, self.pieces.flops >= 0, self.pieces.size_bytes >= 0)

    @cached_property
    def _may_multiply(self) -> npt.NDArray[np.bool_]:
        """Dense work, and kernels of a GPU of which nobody knows what they do."""
        unnamed = (self.pieces.family == "other") & (self.pieces.size_bytes < 0)
        found: npt.NDArray[np.bool_] = np.isin(self.pieces.family, DENSE) | (unnamed & self.on_gpu)
        return found

    @cached_property
    def _capacity_ns(self) -> int:
        """Wall of all devices that worked."""
        return self.wall_ns * len(np.unique(self.pieces.device))

    @cached_property
    def _peak_of_each(self) -> npt.NDArray[np.float64]:
        """FLOP/s that each piece could have done at most, 0 where that is not known."""
        found = np.zeros(len(self.pieces.flops))
        for precision in set(self.pieces.precision):
            peak = self.peaks.peak(precision) if self.peaks else None
            found[self.pieces.precision == precision] = peak or 0.0
        return found

    @cached_property
    def _mfu(self) -> float:
        counts = (self._peak_of_each > 0) & (self.pieces.flops >= 0)
        seconds = float((self.pieces.flops[counts] / self._peak_of_each[counts]).sum())
        return seconds * 1e9 / self._capacity_ns if self._capacity_ns else 0.0

    @cached_property
    def _mbu(self) -> float:
        bandwidth = self.peaks.bytes_per_s if self.peaks else None
        moved = float(np.maximum(self.pieces.size_bytes, 0).sum())
        return moved * 1e9 / bandwidth / self._capacity_ns if bandwidth and self.wall_ns else 0.0

    def _no_mfu(self) -> str | None:
        dense, counted = self._may_multiply, self.pieces.flops >= 0
        if not (dense & counted).any():
            return NO_PRODUCTS if dense.any() else "nothing that multiplies was recorded"
        if self.peaks is None:
            return NO_PEAKS
        known = self._share_of(counted, dense)
        if known < ENOUGH_KNOWN:
            return f"the operations of only {known:.0%} of the time that may be products are known"
        if self._share_of(counted & (self._peak_of_each > 0), dense) < ENOUGH_KNOWN:
            either = (self.pieces.precision == EITHER).any()
            return EITHER_PRECISION if either else "the peak at the precision used is not known"
        return None if self._mfu <= 1 else TOO_MUCH

    def _no_mbu(self) -> str | None:
        if self.peaks is None or self.peaks.bytes_per_s is None:
            return NO_PEAKS
        everything = np.ones(len(self._known), np.bool_)
        known = self._share_of(self.pieces.size_bytes >= 0, everything)
        if known < ENOUGH_KNOWN:
            return f"the bytes of only {known:.0%} of the busy time are known"
        return None if self._mbu <= 1 else TOO_MUCH

    def _share_of(self, some: npt.NDArray[np.bool_], whole: npt.NDArray[np.bool_]) -> float:
        """Of the time of some pieces, how much is also of others."""
        total = self.pieces.busy_ns(whole)
        return self.pieces.busy_ns(some & whole) / total if total else 0.0


NO_PEAKS = (
    "what this device can do at most is not in infprof's table, and was not measured "
    "(infprof doctor --calibrate does, on the machine itself)"
)
EITHER_PRECISION = "it is not known whether products of float32 were computed in TF32"
NO_PRODUCTS = "the operators behind its products are not known, as in CUDA graphs and compiled code"
TOO_MUCH = (
    "more was counted than the ceilings allow: caches spare the memory, and causal masks and "
    "Winograd convolutions need fewer operations than their shapes say"
)


def roofline(timeline: Timeline) -> Roofline:
    """What the explained requests' work reached of the machine's ceilings."""
    spans = union(
        Intervals(
            np.array([one.start_ns for one in timeline.requests], np.int64),
            np.array([one.end_ns for one in timeline.requests], np.int64),
        )
    )
    pieces = pieces_of(timeline)
    header, on_gpu = timeline.recording.header, timeline.uses_device
    no_shapes = None
    if not (timeline.events.shapes >= 0).any():
        no_shapes = header.missing.get("shapes", "operator shapes were not recorded")
    return Roofline(
        pieces.take(holds(spans, pieces.start_ns)),
        peaks_of(header.machine, on_gpu, header.flags.get("threads")),
        length(spans),
        no_shapes,
        on_gpu,
    )
