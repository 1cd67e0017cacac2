"""What would the explained requests take, if one thing were different? The answer is a replay's.

Only a replay that gives the recorded wall without a change is believed. Of many requests every nth
is replayed; where a change touches some of them only, as a rare pause does, of those.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infprof.profiler.critical_path import CriticalPaths
from infprof.profiler.intervals import Int64Array, clip, joined, union
from infprof.profiler.replay import Change, Replay
from infprof.profiler.timeline import Request, Rows, Timeline

MOST_REPLAYED = 20
"""Of more requests every nth is replayed."""


class WhatIf:
    """Replays of a Timeline's requests."""

    def __init__(self, timeline: Timeline, paths: CriticalPaths) -> None:
        self.links, self._paths, self._requests = paths.links, paths, timeline.requests
        self._known = dict[Request, tuple[Replay, int | None]]()
        sample = _every_nth(self._requests)
        self._replays = self._believed(sample)
        self.is_believed = len(self._replays) > len(sample) // 2
        """Whether replays give the recorded walls."""

    def saved_ns(self, change: Change) -> int:
        """How much less a request takes, on average."""
        touched = self._touched(change)
        replays = self._believed(_every_nth(touched))
        number, of = (len(touched), len(self._requests)) if replays else (1, 1)
        saved = [wall - replay.wall_ns(change) for replay, wall in replays or self._replays]
        return max(sum(saved) * number // (len(saved) * of), 0)

    def shorter(self, *parts: tuple[Rows, float]) -> Int64Array:
        """New durations of all device work, for a ``Change``: such parts of some rows' time are
        taken away."""
        times = self.links.end - self.links.start
        for rows, part in parts:
            mine = np.isin(self.links.rows, rows)
            times = np.where(mine, (times * (1 - part)).astype(np.int64), times)
        return times

    def _touched(self, change: Change) -> Sequence[Request]:
        """The requests that lose host time; none where all are replayed, or where something else
        changes too."""
        others = change.device_ns is not None or change.waits_removed or change.ahead
        if others or len(self._requests) <= MOST_REPLAYED:
            return ()
        gone = union(joined([change.host_removed, *change.removed_on.values()]))
        return [one for one in self._requests if len(clip(gone, one.start_ns, one.end_ns).start)]

    def _believed(self, requests: Sequence[Request]) -> list[tuple[Replay, int]]:
        """Replays of these that give the recorded wall, with what they give."""
        found = [self._replay(one) for one in requests]
        return [(replay, wall) for replay, wall in found if wall is not None]

    def _replay(self, request: Request) -> tuple[Replay, int | None]:
        if request not in self._known:
            paths = self._paths
            replay = Replay(paths.waits, request, paths.helpers.of(request))
            self._known[request] = replay, replay.faithful_wall_ns
        return self._known[request]


def _every_nth(requests: Sequence[Request]) -> Sequence[Request]:
    return requests[:: len(requests) // MOST_REPLAYED + 1]
