"""Where py-spy's clock stands on ours, and how sure that is.

Our sampler's thread waits in one of two functions, by chance (``beats``). We know when it changed
from one to the other; py-spy saw which one it was in, stamped with its clock. A stamp can be late,
never early. So of all offsets at which the two agree, the earliest is the true one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import Int64Array

ENOUGH_SIGHTINGS = 8
"""With fewer, two clocks agree by chance at a wrong offset once in 256 tries."""

AGREEING_SHARE = 0.8
COARSE_NS = 2_000_000
MOST_COMPARED = 400
EARLY_SHARE = 0.02
"""Of the sightings so many may seem to come before their time: a stamp so late that it fell into a
later beat of the same kind."""


class Alignment(NamedTuple):
    """What to add to py-spy's clock to get ours, and how far its rows may then be off."""

    offset_ns: int
    error_ns: int


def align(
    beats: Int64Array, seen: Int64Array, between: tuple[int, int], interval_ns: int
) -> Alignment | None:
    """From ``beats``, rows of (our time, which), and ``seen``, rows of (their time, which).

    The offset is known to lie ``between`` two bounds; they sampled every ``interval_ns``. ``None``
    where the two do not agree well enough.
    """
    if len(seen) < ENOUGH_SIGHTINGS or len(beats) < 2:
        return None
    picked = seen[np.linspace(0, len(seen) - 1, min(len(seen), MOST_COMPARED)).astype(int)]
    offsets = np.arange(between[0], max(between[1], between[0] + 1), COARSE_NS)
    agreeing = np.array([_agree(beats, picked, offset).mean() for offset in offsets.tolist()])
    best = agreeing.max()
    if best < AGREEING_SHARE:
        return None
    plateau = np.flatnonzero(agreeing >= best - 1 / len(picked))
    coarse = int(offsets[plateau[len(plateau) // 2]])
    lags = np.sort(_first_lags(beats, seen[_agree(beats, seen, coarse)], coarse))
    early = int(len(lags) * EARLY_SHARE)
    usual_ns = int(interval_ns * (early + 1) / len(lags))  # that much comes between two samples
    offset = coarse - int(lags[early]) + usual_ns
    shifted = lags + offset - coarse
    return Alignment(offset, 2 * usual_ns + _delay(shifted, interval_ns))


def from_bounds(between: tuple[int, int]) -> Alignment:
    """The middle of what is possible."""
    low, high = between
    half = max(high - low, 0) // 2
    return Alignment(low + half, half)


def _delay(lags: Int64Array, interval_ns: int) -> int:
    """How late stamps are, at most: py-spy looks at random times, so that a change waits for one
    interval in the mean, give or take. What it waits longer, the look or its stamp was late."""
    return int(max(lags.mean() - interval_ns, 0) + 2 * interval_ns / np.sqrt(len(lags)))


def _place(beats: Int64Array, seen: Int64Array, offset: int) -> npt.NDArray[np.intp]:
    return np.searchsorted(beats[:, 0], seen[:, 0] + offset, side="right") - 1


def _agree(beats: Int64Array, seen: Int64Array, offset: int) -> npt.NDArray[np.bool_]:
    """Which sightings are of the function that we were in."""
    place = _place(beats, seen, offset)
    same: npt.NDArray[np.bool_] = beats[np.maximum(place, 0), 1] == seen[:, 1]
    return same & (place >= 0)


def _first_lags(beats: Int64Array, seen: Int64Array, offset: int) -> Int64Array:
    """How long after a beat's begin it was first seen."""
    place = _place(beats, seen, offset)
    lags: Int64Array = seen[:, 0] + offset - beats[place, 0]
    first: Int64Array = lags[np.diff(place, prepend=-1) != 0]
    return first
