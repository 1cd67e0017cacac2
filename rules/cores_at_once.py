"""How many threads of a program advance at once: as its own stages were seen to, else as the
machine was measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import clip, length
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence

ENOUGH = 5
"""Rows of each kind, alone and beside the other: the median of fewer is no more than a guess."""

ALONE, BESIDE = 0.1, 0.9
"""Up to this share of its time, and from this one on, the other stage ran on another thread."""


def cores_at_once(evidence: Evidence, one: Rows, other: Rows) -> float | None:
    """Of these two stages; ``None`` where nothing tells."""
    seen = _speed(evidence, one, other), _speed(evidence, other, one)
    if seen[0] is not None and seen[1] is not None:
        return seen[0] + seen[1]
    calibration = evidence.header.machine.calibration
    return None if calibration is None else calibration.cores


def _speed(evidence: Evidence, rows: Rows, others: Rows) -> float | None:
    """How fast a stage advances while the other one runs on another thread, 1 being alone."""
    beside, time = _share_beside(evidence, rows, others), evidence.timeline.durations(rows)
    alone, together = time[beside <= ALONE], time[beside >= BESIDE]
    if min(len(alone), len(together)) < ENOUGH:
        return None
    return min(float(np.median(alone) / max(float(np.median(together)), 1.0)), 1.0)


def _share_beside(evidence: Evidence, rows: Rows, others: Rows) -> npt.NDArray[np.float64]:
    """For how much of each row one of the others ran on another thread of its process."""
    events, lanes = evidence.timeline.events, evidence.header.lanes
    process = np.array([one.process or 0 for one in lanes], np.int64)
    found = np.zeros(len(rows))
    for lane in np.unique(events.lane[rows]):
        away = (events.lane[others] != lane) & (process[events.lane[others]] == process[lane])
        theirs = evidence.timeline.busy(others[away])
        for number in np.flatnonzero(events.lane[rows] == lane).tolist():
            start, end = int(events.start_ns[rows[number]]), int(events.end_ns[rows[number]])
            found[number] = length(clip(theirs, start, end)) / max(end - start, 1)
    return found
