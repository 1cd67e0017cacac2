"""Runs a request again on paper, with one thing changed (CATALOGUE section 4).

The host's thread and the streams keep their order. Work starts when its launch, the work before it
and what it was told to wait for allow; a wait ends when the work it is for has ended. What bound a
start in the recording keeps the lag that was seen there, so that an unchanged replay gives the
recorded wall; the others keep the least that the machine needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from infprof.profiler.device_links import NEVER
from infprof.profiler.device_waits import ALL, DeviceWaits
from infprof.profiler.hand_offs import NO_HAND_OFFS, HandOffs
from infprof.profiler.intervals import (
    EMPTY,
    Int64Array,
    Intervals,
    intersect,
    joined,
    length_before,
    subtract,
    union,
)
from infprof.profiler.replay_chains import Chains, chains_of
from infprof.profiler.replay_steps import NONE, ONE_BY_ONE, Moment, Steps, Work, steps_of
from infprof.profiler.replay_threads import steps_with
from infprof.profiler.timeline import Request

Which = npt.NDArray[np.bool_]
"""A yes or no for each piece of a request's work."""

FAITHFUL = 0.02
"""A replay without a change that misses the recorded wall by more predicts nothing."""


@dataclass(frozen=True)
class Change:
    """What is different. Times in ns."""

    device_ns: Int64Array | None = None
    """New durations of all device work (``DeviceLinks.rows``); ``None``: as they were."""
    host_removed: Intervals = field(default=EMPTY)
    """Time of the request's threads that falls away, a set: the helpers' where the request went on
    after them, else its own thread's."""
    waits_removed: frozenset[int] = frozenset()
    """Rows of calls that wait for the device no more."""
    ahead: frozenset[int] = frozenset()
    """Rows of copies that were made during the request before, as in a steady flow that fetches
    each input ahead. Nothing of this request waits for them; what copies is as busy as before."""
    removed_on: Mapping[int, Intervals] = field(default_factory=dict)
    """Time of single threads that falls away, a set for each lane, whatever the others do."""

    def and_also(self, other: Change) -> Change:
        """Both. Device work that both make shorter gets the shorter time."""
        times = [one for one in (self.device_ns, other.device_ns) if one is not None]
        return Change(
            np.minimum.reduce(times) if times else None,
            union(joined([self.host_removed, other.host_removed])),
            self.waits_removed | other.waits_removed,
            self.ahead | other.ahead,
            {lane: _both(self, other, lane) for lane in {*self.removed_on, *other.removed_on}},
        )


def _both(one: Change, other: Change, lane: int) -> Intervals:
    return union(joined([change.removed_on.get(lane, EMPTY) for change in (one, other)]))


class Replay:
    """One request of a recording, to be replayed with changes."""

    def __init__(
        self, waits: DeviceWaits, request: Request, hands: HandOffs = NO_HAND_OFFS
    ) -> None:
        """``hands`` tells who worked for the request besides its own thread."""
        self._waits, self._links, self._request = waits, waits.links, request
        self._hands = hands

    def wall_ns(self, change: Change | None = None) -> int:
        """How long the request would take."""
        change = change or Change()
        clock = self._host_clock(change)
        streams = _Streams(self._links.end.tolist(), self._unchanged[0][1])
        times, ahead = self._times(change.device_ns), self._are_ahead(change.ahead)
        work = self._work(clock, times, ahead)
        waits = self._waits_with(clock, change.waits_removed | self._launches(ahead))
        # before a helper's first wait there is no delay; the last one is for other threads: none
        delays = [self._request.start_ns, *[0] * len(self._steps.waits.row), NEVER, 0]
        for number, (works, awaited, stream, before, at, own, tail) in enumerate(waits, 1):
            if works > work.done:
                work.run(works, streams, delays)
            if stream == ONE_BY_ONE:
                ready = self._ready(number - 1, streams, delays, clock)
            else:
                ready = streams.ready(awaited, stream)
            delays[number] = max(delays[before] + own, ready + tail - at)
        work.run(len(self._steps.work.place), streams, delays)
        end = _time_of(self._steps.last, delays, clock)
        wall = end + self._left_over(streams, end) - self._request.start_ns
        return max(wall, self._copying_ns(ahead, times))

    @cached_property
    def faithful_wall_ns(self) -> int | None:
        """What an unchanged replay gives; ``None`` if that is not the recorded wall, without which
        none is worth believing."""
        wall, replayed = self._request.wall_ns, self.wall_ns()
        return replayed if abs(replayed - wall) <= FAITHFUL * wall else None

    @cached_property
    def _steps(self) -> Steps:
        steps, lane = steps_of(self._waits, self._request), self._request.lane
        others = bool((steps.work.launch == NONE).any())
        if lane is None or not (self._hands.helps or others):
            return steps
        # what others launch while a synchronisation waits is not what it waits for
        hands = self._hands if self._hands.helps else HandOffs(lane, (), ())
        return steps_with(self._waits, self._request, hands)

    def _ready(self, number: int, streams: _Streams, delays: list[int], clock: Int64Array) -> int:
        """When all that a wait is for one by one has come."""
        after = self._steps.after[number]
        times = [_time_of(one, delays, clock) for one in after.moments]
        return max([*times, *(streams.ended[place] for place in after.places)], default=NEVER)

    @cached_property
    def _chains(self) -> dict[int, Chains]:
        """The stretches between two waits that can be replayed at once, by their begin."""
        work = self._steps.work
        edges = np.unique(np.concatenate([[0], self._steps.waits.works, [len(work.place)]]))
        pairs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        lane = self._links.lane[work.place]
        found = {begin: chains_of(work, lane, begin, end) for begin, end in pairs}
        return {begin: chains for begin, chains in found.items() if chains is not None}

    def _host_clock(self, change: Change) -> Int64Array:
        """The host's own work before each of its steps; last a 0, for the steps of others."""
        seen, until, lane = self._steps.host
        until = np.maximum(until, seen)
        gone = np.zeros(len(seen), np.int64)
        for mine, spans in self._removed(change, lane):
            before = length_before(spans, seen[mine])
            gone[mine] = length_before(spans, until[mine]) - before
        return np.append(np.cumsum(until - seen - gone), 0)

    def _removed(
        self, change: Change, lane: Int64Array | None
    ) -> Iterator[tuple[slice | Which, Intervals]]:
        """What each thread loses. Of the time that is not of single threads: helpers while the
        request's own would go on after one of them, for those that work side by side mostly do the
        same; else its own."""
        removed, on, own = change.host_removed, change.removed_on, self._request.lane
        if lane is None:
            mine = on.values() if own is None else [on.get(own, EMPTY)]
            yield slice(None), union(joined([removed, *mine])) if on else removed
            return
        helped = union(joined(list(self._hands.route(self._request.end_ns).values())))
        for one in np.unique(lane).tolist():
            spans = (subtract if one == self._hands.lane else intersect)(removed, helped)
            yield lane == one, union(joined([spans, on.get(one, EMPTY)]))

    @cached_property
    def _unchanged(self) -> tuple[list[list[int]], list[list[int]]]:
        """What no change touches of the work and of the waits. Read one by one, lists are three
        times as quick as arrays."""
        work, waits = self._steps.work, self._steps.waits
        lane = self._links.lane[work.place]
        mine = (
            work.place, lane, work.waits_before, work.before, work.after_before, work.told,
            work.after_told,
        )  # fmt: skip
        theirs = waits.works, waits.awaited, waits.stream, waits.before
        return [one.tolist() for one in mine], [one.tolist() for one in theirs]

    def _times(self, durations: Int64Array | None) -> Int64Array:
        """What each piece of work takes."""
        links = self._links
        times = links.end - links.start if durations is None else durations
        return times[self._steps.work.place]

    def _work(self, clock: Int64Array, times: Int64Array, ahead: Which) -> _WorkInOrder:
        work = self._steps.work
        launched = clock[work.launch] + work.after_launch
        if ahead.any():  # each ends as what is before it does: what follows sees only that
            at_once = np.where(work.launch == NONE, self._request.start_ns, 0)
            launched = np.where(ahead, at_once, launched)
            times = np.where(ahead, np.where(work.before == NONE, 0, -work.after_before), times)
        return _WorkInOrder(work, self._unchanged[0], self._chains, launched, times)

    def _are_ahead(self, copies: frozenset[int]) -> Which:
        """Which pieces of work are these copies."""
        return np.isin(self._links.rows[self._steps.work.place], list(copies))

    def _launches(self, which: Which) -> frozenset[int]:
        return frozenset(self._links.launch[self._steps.work.place[which]].tolist())

    def _copying_ns(self, ahead: Which, times: Int64Array) -> int:
        """How long an engine that makes these copies needs for all that the request copies in
        their direction; 0 without such copies."""
        if not ahead.any():
            return 0
        direction = self._links.direction[self._steps.work.place]
        taken = times + self._links.gap_ns
        return max(int(taken[direction == one].sum()) for one in set(direction[ahead]))

    def _waits_with(self, clock: Int64Array, removed: frozenset[int]) -> Iterator[tuple[int, ...]]:
        waits = self._steps.waits
        gone = np.isin(waits.row, list(removed))
        own = np.where(gone & (waits.awaited == NONE), 0, waits.own)  # a copy call stays
        tail = np.where(gone, NEVER, waits.tail)
        changed = clock[waits.step], own, tail
        return zip(*self._unchanged[1], *(one.tolist() for one in changed), strict=True)

    def _left_over(self, streams: _Streams, end: int) -> int:
        """How much more work waits on the device at the end than did: it holds up what follows."""
        mine = self._steps.work.place
        if not len(mine):
            return 0
        left = max(int(self._links.end[mine].max()) - self._request.end_ns, 0)
        return max(max(streams.last.values()) - end - left, 0)


def _time_of(moment: Moment, delays: list[int], clock: Int64Array) -> int:
    return delays[moment.delay] + int(clock[moment.step]) + moment.lag


class _WorkInOrder:
    """The request's work in one replay, gone through once."""

    def __init__(
        self,
        work: Work,
        unchanged: list[list[int]],
        chains: dict[int, Chains],
        launched: Int64Array,
        times: Int64Array,
    ) -> None:
        """``launched`` is without the host's delay."""
        self._waits_before, self._unchanged, self._chains = work.waits_before, unchanged, chains
        self._launched, self._times = launched, times
        self.done = 0
        """How many pieces it went through."""

    def run(self, until: int, streams: _Streams, delays: list[int]) -> None:
        """Go on to this piece; ``delays`` are the host's after each wait so far."""
        chains, mine = self._chains.get(self.done), slice(self.done, until)
        self.done = until
        launched, times = self._launched[mine], self._times[mine]
        if chains is None:
            changed = launched.tolist(), times.tolist()
            streams.run(zip(*(one[mine] for one in self._unchanged), *changed, strict=True), delays)
        else:
            launched = np.array(delays)[self._waits_before[mine]] + launched
            chains.run(launched, times, streams.ended, streams.last)


class _Streams:
    """The device's clocks in one replay."""

    def __init__(self, recorded: list[int], lanes: Iterable[int]) -> None:
        self.ended = [*recorded, NEVER]
        """When each piece of work ends; as recorded until it has been run."""
        self.last = dict.fromkeys(lanes, NEVER)
        """When the last work on each stream ends."""

    def run(self, work: Iterable[tuple[int, ...]], delays: list[int]) -> None:
        """Go through some more work, piece by piece."""
        ended, last = self.ended, self.last
        for place, lane, waits, before, lag, told, told_lag, launched, time in work:
            start = delays[waits] + launched  # no `max`: this is where replays spend their time
            if ended[before] + lag > start:
                start = ended[before] + lag
            if ended[told] + told_lag > start:
                start = ended[told] + told_lag
            ended[place] = end = start + time
            if end > last[lane]:
                last[lane] = end

    def ready(self, awaited: int, stream: int) -> int:
        """When what a call waits for has ended: one piece of work, or all on a stream so far."""
        if awaited != NONE:
            return self.ended[awaited]
        if stream != ALL:
            return self.last.get(stream, NEVER)
        return max(self.last.values(), default=NEVER)
