"""Where a sequence repeats itself: the same block of tokens several times in a row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from infprof.profiler.intervals import Int64Array

MOST_PERIODS = 64
"""Only so many block lengths are tried, the likeliest first, so that the cost stays linear."""


class Repetition(NamedTuple):
    """``times`` equal blocks of ``period`` tokens from position ``start`` on."""

    start: int
    period: int
    times: int


def repetitions(tokens: Int64Array, at_least: int) -> Iterator[Repetition]:
    """For each block length, the shortest first, its longest run of ``at_least`` equal blocks."""
    for period in _periods(tokens):
        start, matches = _longest_run(tokens[period:] == tokens[:-period])
        times = (matches + period) // period
        if times >= at_least:
            yield Repetition(start, period, times)


def _periods(tokens: Int64Array) -> list[int]:
    """Distances between one token and its next occurrence, the most frequent ones, ascending."""
    order = np.argsort(tokens, kind="stable")
    same = tokens[order][1:] == tokens[order][:-1]
    distances, counts = np.unique(np.diff(order)[same], return_counts=True)
    likeliest = np.argsort(-counts, kind="stable")[:MOST_PERIODS]
    return sorted(distances[likeliest].tolist())


def _longest_run(true: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[int, int]:
    """Start and length of the longest stretch of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], true.astype(np.int8), [0]))))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    if not len(starts):
        return 0, 0
    longest = int(np.argmax(lengths))
    return int(starts[longest]), int(lengths[longest])
