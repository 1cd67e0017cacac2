"""Who helped each request: by its stints where they were noted, else by the silences of its thread.

Stints tell exactly who worked and since when. Where requests overlap that have none, a helper might
work for either of them: then nothing is known of it.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property

import numpy as np
import numpy.typing as npt

from infprof.profiler.device_links import DeviceLinks
from infprof.profiler.events import Kind
from infprof.profiler.hand_offs import NO_HAND_OFFS, HandOffs, Help
from infprof.profiler.intervals import intervals
from infprof.profiler.silences import Silences
from infprof.profiler.stints import NOBODY, WAITS, WORK, Stints
from infprof.profiler.timeline import Request, Timeline


class Helpers:
    """Of the requests of one Timeline, each found when it is first asked for."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._silences = dict[int, Silences]()
        self._found = dict[Request, HandOffs]()

    def of(self, request: Request) -> HandOffs:
        """The request's; none where no thread is known to serve it."""
        if request.lane is None or not self._could_be:
            return NO_HAND_OFFS
        if request not in self._found:
            self._found[request] = self._of(request, request.lane)
        return self._found[request]

    def unknown_share(self, links: DeviceLinks) -> float:
        """Of the device work launched while requests were under way, how much was launched by
        threads of which it is not known for whom they worked; 0 where no request is marked."""
        lanes = self._timeline.events.lane[links.launch]
        others = (links.launch >= 0) & self._helps_only[lanes]
        lanes, times = lanes[others], links.launched_ns[others]
        if not len(times):
            return 0.0
        found, total, launched = 0, 0, np.sort(links.launched_ns)
        for request in self._timeline.requests:
            if request.lane is not None:
                first, last = np.searchsorted(launched, (request.start_ns, request.end_ns))
                total += int(last - first)
                during = (times >= request.start_ns) & (times < request.end_ns)
                pairs = zip(lanes[during].tolist(), times[during].tolist(), strict=True)
                found += sum(not self.of(request).covers(*one) for one in pairs)
        return found / total if total else 0.0

    @cached_property
    def _helps_only(self) -> npt.NDArray[np.bool_]:
        """Which lanes serve no request of their own."""
        mask = np.ones(len(self._timeline.recording.header.lanes), np.bool_)
        mask[self._timeline.recording.serving_lanes()] = False
        return mask

    @cached_property
    def _could_be(self) -> bool:
        """Whether more than one thread did anything that counts."""
        events = self._timeline.events
        at_work = np.isin(events.kind, (Kind.OP, Kind.CALL, Kind.RANGE))
        lanes = events.lane[at_work]
        return len(lanes) > 0 and bool((lanes != lanes[0]).any())

    def _of(self, request: Request, lane: int) -> HandOffs:
        if lane not in self._silences:
            self._silences[lane] = Silences(self._timeline, lane)
        stints, silences = self._timeline.recording.stints, self._silences[lane]
        mine = (stints.request == request.number) & (request.number != NOBODY)
        if mine.any():
            helps, silent = _noted(stints, mine, lane), _between(stints, mine, silences)
        else:
            helps = self._inferred(silences, request)
            silent = silences.within(request.start_ns, request.end_ns)
        return HandOffs(lane, helps, silent) if helps else NO_HAND_OFFS

    def _inferred(self, silences: Silences, request: Request) -> list[Help]:
        table, helps = self._timeline.recording.requests, silences.helps
        first, last = (bisect_left(helps, (at,)) for at in (request.start_ns, request.end_ns))
        within = [one for one in helps[first:last] if one.end_ns <= request.end_ns]
        if not within:
            return []
        others = (table.start_ns < request.end_ns) & (table.end_ns > request.start_ns)
        others &= table.lane != request.lane
        start, end = table.start_ns[others], table.end_ns[others]
        return [one for one in within if not ((start < one.end_ns) & (end > one.start_ns)).any()]


def _noted(stints: Stints, mine: npt.NDArray[np.bool_], own: int) -> list[Help]:
    """What other threads did by a request's stints."""
    waited = mine & (stints.wait == WAITS.index("thread pool"))
    ends, starts = stints.end_ns[waited].tolist(), stints.start_ns[waited].tolist()
    given = dict(zip(ends, starts, strict=True))
    theirs = mine & (stints.wait == WORK) & (stints.lane != own)
    columns = stints.start_ns, stints.end_ns, stints.lane
    rows = zip(*(column[theirs].tolist() for column in columns), strict=True)
    free, found = dict[int, int](), list[Help]()
    for start, end, lane in rows:
        if end > start >= free.get(lane, start):  # those of one thread never overlap
            found.append(Help(start, end, lane, given.get(start, start)))
            free[lane] = end
    return found


def _between(
    stints: Stints, mine: npt.NDArray[np.bool_], silences: Silences
) -> list[tuple[int, int]]:
    """When its own thread was silent for a request, or did not work for it at all."""
    own = mine & (stints.wait == WORK) & (stints.lane == silences.lane)
    start, end = stints.start_ns[own], stints.end_ns[own]
    found = list(zip(end[:-1].tolist(), start[1:].tolist(), strict=True))
    for begin, stop in zip(start.tolist(), end.tolist(), strict=True):
        silent = silences.within(begin, stop)
        found += [one for one in silent if silences.could_wait(intervals([one[0]], [one[1]]))]
    return sorted(one for one in found if one[1] > one[0])
