"""The chain of dependent work whose length is a request's latency (CATALOGUE 3.5).

Walked backwards from the request's end: the host is on the path until it last waited for the
device; from there the work it waited for is, back to the launch that nothing held up but the host.
Where its thread waited for another one, the path goes on there, and back to where the other was
given its work. Time that the device spends unseen from the path costs the request nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from infprof.profiler.device_links import Binding, DeviceLinks
from infprof.profiler.device_waits import DeviceWaits
from infprof.profiler.hand_offs import HandOffs
from infprof.profiler.helpers import Helpers
from infprof.profiler.intervals import (
    Int64Array,
    Intervals,
    intersect,
    intervals,
    joined,
    subtract,
    union,
)
from infprof.profiler.timeline import Request, Timeline

LEAST_LINKED = 0.95
"""With fewer launches known, what the device waited for is not known either."""

LONGEST_LAG_NS = 200_000
"""No device takes a tenth of that to start work that nothing holds up."""


@dataclass(frozen=True)
class Path:
    """A request's wall in pieces that do not overlap and leave no hole."""

    work: Int64Array
    """Positions (``DeviceLinks.rows``) of the device work on the path, latest first."""
    spans: Intervals
    """And when each was on it."""
    latency: Intervals
    """From a launch to the start of its work."""
    gap: Intervals
    """Between two pieces of work that were queued."""
    unexplained: Intervals
    """Such a time, but too long: the device waited for something that the trace does not show."""
    host: Intervals
    """All the rest."""
    helped: Mapping[int, Intervals]
    """When of that which other thread was on it, by lane; the request's own was else."""


class CriticalPaths:
    """Paths through one Timeline."""

    def __init__(self, timeline: Timeline) -> None:
        self.links = DeviceLinks(timeline)
        self.waits = DeviceWaits(self.links)
        self.helpers = Helpers(timeline)
        self._timeline = timeline
        self._waiting = dict[int | None, tuple[list[int], list[int], list[int]]]()

    @property
    def are_known(self) -> bool:
        """Whether the trace has the links that a path needs."""
        return self.links.linked_share >= LEAST_LINKED

    @cached_property
    def unknown_helpers_share(self) -> float:
        """Of the device work launched in requests, how much by threads of which it is not known
        for whom they worked."""
        return self.helpers.unknown_share(self.links)

    def of(self, request: Request) -> Path:
        """The request's path, from its end to its start."""
        pieces: dict[str, list[tuple[int, int]]] = {"work": [], "latency": [], "gap": []}
        work: list[int] = []
        host = _Host(request.lane, self.helpers.of(request))
        time, place = request.end_ns, self._unawaited(request)
        while time > request.start_ns:
            if place < 0:
                time, place = self._back_on_host(host, time)
                if place < 0 or time <= request.start_ns:
                    break
            start, _, launched, binding, source = self._work[place]
            begin = max(start, request.start_ns)
            if begin < time:
                work.append(place)
                pieces["work"].append((begin, time))
            time = min(begin, time)
            if binding == Binding.LAUNCH:
                host.goes_on_at(self._launchers[place], launched)
                launched, place = max(launched, request.start_ns), -1
                pieces["latency"].append((min(launched, time), time))
                time = min(launched, time)
            elif binding == Binding.UNKNOWN:
                place = -1
            else:
                place = source
                end = max(self._work[place][1], request.start_ns)
                pieces["gap"].append((min(end, time), time))
                time = min(end, time)
        return _path(request, work, pieces, host.helped)

    @cached_property
    def _work(self) -> list[tuple[int, int, int, int, int]]:
        """Start, end, launch, binding and source of all device work: read one by one, a list is
        three times as quick as an array."""
        links = self.links
        columns = links.start, links.end, links.launched_ns, *links.binding
        return list(zip(*(one.tolist() for one in columns), strict=True))

    @cached_property
    def _launchers(self) -> list[int]:
        """The thread that launched each piece of work."""
        lanes: list[int] = self._timeline.events.lane[self.links.launch].tolist()
        return lanes

    def _unawaited(self, request: Request) -> int:
        """In a trace that marks no requests, the device may be the last to work."""
        if request.lane is not None or not len(self.links.rows):
            return -1
        last = int(np.argmax(self.links.end))
        return last if self.links.end[last] >= request.end_ns else -1

    def _back_on_host(self, host: _Host, time: int) -> tuple[int, int]:
        """When before ``time`` the host last stopped to wait for the device, and for which work;
        -1 if it did not. It may have been another thread that did."""
        while True:
            since, origin = host.hands.before(host.lane, time)
            at, place = self._last_wait(host.lane, time, since)
            host.was_on_path(origin.time_ns if origin and place < 0 else at, time)
            if place >= 0 or origin is None:
                return at, place
            host.lane, time = origin

    def _last_wait(self, lane: int | None, time: int, since: int) -> tuple[int, int]:
        """The same of one thread, after ``since``."""
        starts, ends, places = self._waits_of(lane)
        index = bisect_left(starts, time) - 1
        while index >= 0 and starts[index] >= since:
            place = places[index]
            start, end, *_ = self._work[place]
            awaited = end < time or ends[index] <= time
            if awaited and start < time:  # else it leads nowhere
                return min(end, time), place
            index -= 1
        return time, -1

    def _waits_of(self, lane: int | None) -> tuple[list[int], list[int], list[int]]:
        if lane not in self._waiting:
            calls, places = self.waits.calls, self.waits.places
            events = self._timeline.events
            mine = np.ones(len(calls), bool) if lane is None else events.lane[calls] == lane
            calls = calls[mine]
            self._waiting[lane] = (
                events.start_ns[calls].tolist(),
                events.end_ns[calls].tolist(),
                places[mine].tolist(),
            )
        return self._waiting[lane]


class _Host:
    """The host's side of one walk: which thread it is on."""

    def __init__(self, lane: int | None, hands: HandOffs) -> None:
        self.lane, self.hands = lane, hands
        self.helped: dict[int, list[tuple[int, int]]] = {}

    def goes_on_at(self, launcher: int, time: int) -> None:
        """The walk comes back from the device to who launched its work; to the request's own
        thread, where it is not known that the other worked for it."""
        if self.hands.helps:
            self.lane = launcher if self.hands.covers(launcher, time) else self.hands.lane

    def was_on_path(self, start: int, end: int) -> None:
        """The thread was, from ``start`` to ``end``."""
        if self.lane is not None and self.lane != self.hands.lane and self.hands.helps:
            self.helped.setdefault(self.lane, []).append((start, end))


def _path(
    request: Request,
    work: list[int],
    pieces: dict[str, list[tuple[int, int]]],
    helped: dict[int, list[tuple[int, int]]],
) -> Path:
    spans = {name: _spans(rows) for name, rows in pieces.items()}
    whole, device = intervals([request.start_ns], [request.end_ns]), joined(list(spans.values()))
    latency, gap = (_parted(spans[one]) for one in ("latency", "gap"))
    host = subtract(whole, union(device))
    return Path(
        np.array(work, np.int64), spans["work"], latency[0], gap[0],
        union(joined([latency[1], gap[1]])), host,
        {lane: intersect(union(_spans(rows)), host) for lane, rows in helped.items()},
    )  # fmt: skip


def _spans(rows: list[tuple[int, int]]) -> Intervals:
    return Intervals(*np.array(rows, np.int64).reshape(-1, 2).T)


def _parted(spans: Intervals) -> tuple[Intervals, Intervals]:
    """Those that the device may take, and those that are too long for it."""
    long = spans.end - spans.start > LONGEST_LAG_NS
    return (
        union(Intervals(spans.start[~long], spans.end[~long])),
        union(Intervals(spans.start[long], spans.end[long])),
    )
