"""What would the explained requests take, if one thing were different? The answer is a replay's.

Only a replay that gives the recorded wall without a change is believed.
"""

from __future__ import annotations

import numpy as np

from infprof.profiler.critical_path import CriticalPaths
from infprof.profiler.intervals import Int64Array
from infprof.profiler.replay import Change, Replay
from infprof.profiler.timeline import Rows, Timeline

MOST_REPLAYED = 20
"""Of more requests every nth is replayed."""


class WhatIf:
    """Replays of a Timeline's requests."""

    def __init__(self, timeline: Timeline, paths: CriticalPaths) -> None:
        self.links = paths.links
        requests = timeline.requests[:: len(timeline.requests) // MOST_REPLAYED + 1]
        found = [Replay(paths.waits, one) for one in requests]
        self._replays = [(one, wall) for one in found if (wall := one.faithful_wall_ns) is not None]
        self.is_believed = len(self._replays) > len(found) // 2
        """Whether replays give the recorded walls."""

    def saved_ns(self, change: Change) -> int:
        """How much less a request takes, on average."""
        saved = [wall - replay.wall_ns(change) for replay, wall in self._replays]
        return max(sum(saved) // len(saved), 0)

    def shorter(self, *parts: tuple[Rows, float]) -> Int64Array:
        """New durations of all device work, for a ``Change``: such parts of some rows' time are
        taken away."""
        times = self.links.end - self.links.start
        for rows, part in parts:
            mine = np.isin(self.links.rows, rows)
            times = np.where(mine, (times * (1 - part)).astype(np.int64), times)
        return times
