"""Device work of one family and precision: its rates, and which ceiling is nearer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from infprof.profiler.peaks import Peaks
from infprof.profiler.work_pieces import DENSE, Pieces

Bound = Literal["compute", "memory", "latency"]

HALF_KNOWN = 0.5
"""Rates of a group are those of the larger part of its time, or they are not given."""

SHORT_NS = 3_000
"""A kernel cannot be shorter than about 2 us whatever it does (CATALOGUE section 4): up to here its
fixed cost is most of it."""

FAR_BELOW = 0.1
"""Good matrix products reach 0.7 to 0.9 of the peak, good streams 0.8 to 0.9 of the bandwidth
(CATALOGUE section 0). At a tenth of either neither limits, but waiting for single results does."""

ROUNDING = 1.05
"""A measured ceiling is itself good to some per cent: so far above it still counts as reached."""


@dataclass(frozen=True, slots=True)
class Group:
    """Work of one family and precision. Rates are of the pieces whose work is known."""

    family: str
    precision: str | None
    """In which dense work executed; ``None`` where that is unknown or makes no difference."""
    busy_ns: int
    """Time that its pieces cover, of all devices together."""
    known_share: float
    """Of that time, how much has known operations, or known bytes where nothing multiplies."""
    flops: int | None
    size_bytes: int | None
    """Least bytes (``flops``): what a cache does not spare must move at least."""
    flops_per_s: float | None
    bytes_per_s: float | None
    bound_by: Bound | None
    """``latency``: kernels too short to fill the device, or far under both ceilings."""
    reached_share: float | None
    """Of the ceiling that is closer, 0 to 1; ``None`` where the ceilings or the work are not known,
    or where more was counted than the ceiling allows: caches spare the memory, and causal masks and
    Winograd convolutions need fewer operations than their shapes say."""

    @property
    def flop_per_byte(self) -> float | None:
        """Arithmetic intensity."""
        return self.flops / self.size_bytes if self.flops and self.size_bytes else None


def groups_of(
    pieces: Pieces, known: npt.NDArray[np.bool_], peaks: Peaks | None
) -> tuple[Group, ...]:
    """All groups, longest first; ``known`` says of which pieces the work is."""
    keys = sorted({*zip(pieces.family, pieces.precision, strict=True)})
    found = []
    for family, precision in keys:
        mine = (pieces.family == family) & (pieces.precision == precision)
        found.append(_group(pieces.take(mine), known[mine], peaks))
    return tuple(sorted(found, key=lambda one: -one.busy_ns))


def _group(pieces: Pieces, known: npt.NDArray[np.bool_], peaks: Peaks | None) -> Group:
    family, precision = str(pieces.family[0]), str(pieces.precision[0])
    busy_ns, known_ns = pieces.busy_ns(), pieces.busy_ns(known)
    flops, size_bytes = _total(pieces.flops[known]), _total(pieces.size_bytes[known])
    rated_ns = known_ns if known_ns >= HALF_KNOWN * busy_ns else 0
    flops_per_s, bytes_per_s = _rate(flops, rated_ns), _rate(size_bytes, rated_ns)
    computes = _part(flops_per_s, peaks.peak(precision) if peaks else None)
    moves = _part(bytes_per_s, peaks.bytes_per_s if peaks else None)
    short_ns = int(pieces.durations[pieces.durations <= SHORT_NS].sum())
    is_short = 2 * short_ns > int(pieces.durations.sum()) and rated_ns > 0
    reached = None if computes is None and family in DENSE else _nearer(computes, moves)
    if reached is not None and reached > ROUNDING:
        bound_by, reached = None, None
    else:
        bound_by = _bound(reached, moves, is_short)
    return Group(
        family, precision or None, busy_ns, known_ns / busy_ns if busy_ns else 0.0,
        flops, size_bytes, flops_per_s, bytes_per_s,
        bound_by, None if reached is None else min(reached, 1.0),
    )  # fmt: skip


def _nearer(computes: float | None, moves: float | None) -> float | None:
    """The larger part of the two ceilings; what computes nothing has one."""
    return None if moves is None else max(moves, computes or 0.0)


def _bound(reached: float | None, moves: float | None, is_short: bool) -> Bound | None:
    if is_short:
        return "latency"
    if reached is None or moves is None:
        return None
    if reached < FAR_BELOW:
        return "latency"
    return "compute" if reached > moves else "memory"


def _total(values: npt.NDArray[np.float64]) -> int | None:
    """Of the known ones, ``None`` where none is."""
    known = values[values >= 0]
    return round(float(known.sum())) if len(known) else None


def _rate(amount: int | None, time_ns: int) -> float | None:
    return None if amount is None or not time_ns else amount * 1e9 / time_ns


def _part(rate: float | None, ceiling: float | None) -> float | None:
    return None if rate is None or not ceiling else rate / ceiling
