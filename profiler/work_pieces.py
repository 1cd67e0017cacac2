"""Stretches of a device's time, each with what was computed and moved in it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import Int64Array, Intervals, length, union

DENSE = ("gemm", "conv", "attention")
"""Families that multiply; only their operations are counted."""

Floats = npt.NDArray[np.float64]
UNKNOWN = -1.0
"""Instead of operations or bytes that are not known."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """Columns of one length: a stretch of a device's time and what it did."""

    start_ns: Int64Array
    end_ns: Int64Array
    device: Int64Array
    family: npt.NDArray[np.object_]
    """In the words of ``names.kernel_family``."""
    precision: npt.NDArray[np.object_]
    """In which a dense kernel executed, ``""`` where it is not known; ``""`` for all others."""
    flops: Floats
    size_bytes: Floats

    def take(self, rows: npt.NDArray[np.bool_]) -> Pieces:
        """Only these rows."""
        return Pieces(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def durations(self) -> Int64Array:
        """Of each piece, in ns."""
        return self.end_ns - self.start_ns

    def busy_ns(self, rows: npt.NDArray[np.bool_] | None = None) -> int:
        """The time that all pieces cover, or some of them, of all devices together."""
        total = 0
        if rows is None:
            rows = np.ones(len(self.start_ns), np.bool_)
        for device in np.unique(self.device[rows]):
            mine = rows & (self.device == device)
            total += length(union(Intervals(self.start_ns[mine], self.end_ns[mine])))
        return total
