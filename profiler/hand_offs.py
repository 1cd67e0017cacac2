"""Work that a request's own thread gave to others, and its waits for them.

A pool, autograd's device thread or a loader works while the thread that serves the request waits.
Then what it waits for is what the request waits for, and the critical path goes on there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from infprof.profiler.device_links import NEVER
from infprof.profiler.intervals import Intervals, intervals, union


class Help(NamedTuple):
    """A stretch in which another thread worked for a request."""

    start_ns: int
    end_ns: int
    lane: int
    given_ns: int
    """When the request's thread gave it away."""


class Wait(NamedTuple):
    """A stretch in which the request's thread did nothing but wait for helps."""

    start_ns: int
    end_ns: int
    """The last of them ended then."""
    helps: tuple[int, ...]
    """Positions in ``HandOffs.helps`` of all that it waited for; the last is the one to end
    last."""


class Origin(NamedTuple):
    """What a thread went on after: a moment of another thread."""

    lane: int | None
    time_ns: int


class HandOffs:
    """Of one request. At any time at most one help is under way on each thread."""

    def __init__(
        self, lane: int | None, helps: Iterable[Help], silences: Sequence[tuple[int, int]]
    ) -> None:
        """``silences`` are disjoint stretches in which the request's own thread showed no sign of
        life, in order. That it gave work away is one."""
        self.lane, self.helps = lane, tuple(sorted(helps))
        self.waits = tuple(_waits(self.helps, silences))
        self._ends = [one.end_ns for one in self.waits]
        self._on = dict[int, list[Help]]()
        for help in self.helps:
            self._on.setdefault(help.lane, []).append(help)

    def before(self, lane: int | None, time: int) -> tuple[int, Origin | None]:
        """Since when a thread had been at it by ``time``, and what it went on after then: the
        request's own thread at first since ever, and after nothing."""
        help = self._under_way(lane, time)
        if help is not None:
            return help.start_ns, self.origin(help)
        place = bisect_right(self._ends, time) - 1
        if place < 0:
            return NEVER, None
        awaited = self.helps[self.waits[place].helps[-1]]
        return awaited.end_ns, Origin(awaited.lane, awaited.end_ns)

    def held_up_by(self, help: Help) -> int | None:
        """The position of the help that ended last while this one had been given but not begun:
        its thread was not free before, or needed that one's result; ``None``: there is none."""
        if help.given_ns == help.start_ns:
            return None
        ended = [
            (one.end_ns, -one.lane, place)
            for place, one in enumerate(self.helps)
            if help.given_ns < one.end_ns <= help.start_ns
        ]
        return max(ended)[-1] if ended else None

    def origin(self, help: Help) -> Origin:
        """After what a help began."""
        place = self.held_up_by(help)
        if place is None:
            return Origin(self.lane, help.given_ns)
        return Origin(self.helps[place].lane, self.helps[place].end_ns)

    def route(self, end: int) -> dict[int, Intervals]:
        """When each helper, by lane, was what the request's thread went on after, up to ``end``."""
        found = dict[int, list[tuple[int, int]]]()
        lane, time = self.lane, end
        while True:
            since, origin = self.before(lane, time)
            if origin is None:
                break
            if lane is not None and lane != self.lane:
                found.setdefault(lane, []).append((origin.time_ns, time))
            lane, time = origin
        return {one: union(intervals(*zip(*spans, strict=True))) for one, spans in found.items()}

    def covers(self, lane: int, time: int) -> bool:
        """Whether a thread worked for the request then."""
        return lane == self.lane or self._under_way(lane, time) is not None

    def _under_way(self, lane: int | None, time: int) -> Help | None:
        """The help of a thread then; of two that touch the one that ends."""
        helps = () if lane is None else self._on.get(lane, ())
        place = bisect_left(helps, (time,))  # the first that begins then or later
        if place and helps[place - 1].end_ns >= time:
            return helps[place - 1]
        if place < len(helps) and helps[place].start_ns == time:
            return helps[place]
        return None


def _waits(helps: Sequence[Help], silences: Sequence[tuple[int, int]]) -> Iterable[Wait]:
    given = sorted({one.given_ns for one in helps})
    ends = sorted((one.end_ns, -one.lane, place) for place, one in enumerate(helps))
    for start, end in silences:
        inside = given[bisect_right(given, start) : bisect_left(given, end)]
        for low, high in zip([start, *inside], [*inside, end], strict=True):
            mine = ends[bisect_left(ends, (low + 1,)) : bisect_left(ends, (high + 1,))]
            if mine:
                yield Wait(low, mine[-1][0], tuple(place for *_, place in mine))


NO_HAND_OFFS = HandOffs(None, (), ())
