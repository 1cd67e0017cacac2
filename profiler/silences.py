"""Hand-offs that only times tell of: a thread falls silent, others work, and it goes on.

A trace has no link from who gives work to a thread to who does it, nor back. But autograd's device
thread and a pool's leave their mark: all that they do at a stretch lies within one silence of the
thread that waits for them, and fills most of it. A thread that works on its own, as one that loads
ahead, keeps to nobody's silences.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt

from infprof.profiler.events import Kind
from infprof.profiler.hand_offs import Help
from infprof.profiler.intervals import Intervals, clip, holds, length, union
from infprof.profiler.layers import SHORT_GAP_NS
from infprof.profiler.stacks import State
from infprof.profiler.timeline import Timeline

MOSTLY = 0.5
"""Helpers must fill this share of a silence. To hand work on and back took 0.2 to 0.5 ms in traces
of training: help that takes less cannot be told from a thread's own work."""

KEEPS_TO = 0.9
"""And do this share of all that they do within silences."""

AT_WORK = (State.RUNNING, State.GIL)
FEW = 4
"""A thread that is sampled so mostly does not wait for others' work; fewer samples do not tell."""


class Silences:
    """Of one thread: all the stretches in which it showed no sign of life, from its first to its
    last. An op or an API call is one throughout, and where no tracer saw into models a model's call
    is; of ranges, Python calls and requests only the begin and the end are, for it may wait
    within."""

    def __init__(self, timeline: Timeline, lane: int) -> None:
        self._timeline, self.lane = timeline, lane
        events, table = timeline.events, timeline.recording.requests
        mine = events.lane == lane
        busy = evidently_at_work(timeline, lane)
        edges = events.intervals(mine & np.isin(events.kind, (Kind.RANGE, Kind.PYTHON)))
        here = table.lane == lane
        moments = np.concatenate([*edges, table.start_ns[here], table.end_ns[here]])
        start, end = (np.concatenate([times, moments]) for times in busy)
        order = np.argsort(start, kind="stable")
        reach = np.maximum.accumulate(end[order]) if len(end) else end
        silent = start[order][1:] > reach[:-1]
        self.start, self.end = reach[:-1][silent], start[order][1:][silent]

    def within(self, start: int, end: int) -> list[tuple[int, int]]:
        """What of them lies in a stretch of time."""
        first = np.searchsorted(self.end, start, side="right")
        last = np.searchsorted(self.start, end)
        spans = clip(Intervals(self.start[first:last], self.end[first:last]), start, end)
        return list(zip(spans.start.tolist(), spans.end.tolist(), strict=True))

    @cached_property
    def helps(self) -> list[Help]:
        """What other threads did in silences that they filled; those that serve requests of their
        own are nobody's helpers."""
        (helpers,) = self._timeline.threads_of(self.lane)[1:]
        by_silence: dict[int, list[Help]] = {}
        for lane in np.flatnonzero(helpers).tolist():
            for silence, begin, end in self._done_by(lane):
                by_silence.setdefault(silence, []).append(Help(begin, end, lane, begin))
        kept = [helps for silence, helps in by_silence.items() if self._waited(silence, helps)]
        return sorted(help for helps in kept for help in helps)

    def _done_by(self, lane: int) -> Iterator[tuple[int, int, int]]:
        """The stretches of a thread's work in silences that it did not reach beyond: in which one,
        from when to when. None, if it seldom kept to silences."""
        start, end = at_work(self._timeline, lane)
        silence = np.searchsorted(self.start, start, side="right") - 1
        inside = silence >= 0
        inside[inside] = end[inside] <= self.end[silence[inside]]
        if not len(start) or inside.sum() < KEEPS_TO * len(start):
            return
        reached = np.searchsorted(start, self.end) - np.searchsorted(end, self.start, side="right")
        count = np.bincount(silence[inside], minlength=len(self.start))
        inside[inside] = (count == reached)[silence[inside]]
        start, end, silence = start[inside], end[inside], silence[inside]
        apart = (start[1:] - end[:-1] > SHORT_GAP_NS) | (silence[1:] != silence[:-1])
        first = np.flatnonzero(np.append(True, apart)[: len(start)])
        last = np.flatnonzero(np.append(apart, True)[: len(start)])
        columns = silence[first], start[first], end[last]
        yield from zip(*(one.tolist() for one in columns), strict=True)

    def _waited(self, silence: int, helps: list[Help]) -> bool:
        """Whether the thread seems to have waited for these helps in a silence."""
        times = np.array([(one.start_ns, one.end_ns) for one in helps], np.int64)
        busy = union(Intervals(times[:, 0], times[:, 1]))
        fills = length(busy) >= MOSTLY * (self.end[silence] - self.start[silence])
        return fills and self.could_wait(busy)

    def could_wait(self, spans: Intervals) -> bool:
        """Whether samples leave it open that the thread waited in this set of time."""
        stacks = self._timeline.recording.stacks
        inside = holds(spans, stacks.time_ns[self._sampled])
        state, seen = stacks.state[self._sampled][inside], int(inside.sum())
        return seen < FEW or bool(np.isin(state, AT_WORK).sum() * 2 <= seen)

    @cached_property
    def _sampled(self) -> npt.NDArray[np.intp]:
        return np.flatnonzero(self._timeline.recording.stacks.lane == self.lane)


def evidently_at_work(timeline: Timeline, lane: int) -> Intervals:
    """When a thread was in an op or an API call, or in a model's call that no tracer saw into."""
    events = timeline.events
    works = (events.lane == lane) & np.isin(events.kind, (Kind.OP, Kind.CALL))
    if not timeline.sees_inside_models:
        models = timeline.model_ranges
        works[models] = events.lane[models] == lane
    return union(events.intervals(works))


def at_work(timeline: Timeline, lane: int) -> Intervals:
    """When a thread was in an op, a call or a range."""
    events = timeline.events
    kinds = (Kind.OP, Kind.CALL, Kind.RANGE)
    return union(events.intervals((events.lane == lane) & np.isin(events.kind, kinds)))
