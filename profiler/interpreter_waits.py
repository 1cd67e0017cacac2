"""Waits for the interpreter within exact spans: a read has its data, and its thread may not go on.

A library's call that reads or writes gives the interpreter away meanwhile and must have it back
before it returns. Where another thread computes in Python it gets it up to 5 ms later, and the span
says "reading" all that time. So does a model's call, after each op, if no tracer sees into it. The
samples in all calls of one kind tell how much of each it was.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from infprof.profiler import names
from infprof.profiler.declared import Layer
from infprof.profiler.events import STAGES, Kind
from infprof.profiler.intervals import Intervals
from infprof.profiler.mixture import Mixture
from infprof.profiler.sampled_layers import FEW, Gaps
from infprof.profiler.stacks import State
from infprof.profiler.timeline import Rows, Timeline

LEAF = "python.gil_wait"

CALL = ""
"""In place of a leaf: what the call is there for."""


def interpreter_waits(timeline: Timeline) -> list[Layer]:
    """The waits of each thread that was seen to wait so, as layers of one leaf."""
    samples = timeline.samples
    waiting = samples.of_requests & (samples.stacks.state == State.GIL)
    lanes = np.unique(samples.lane[waiting]).tolist()
    return [layer for lane in lanes for layer in _on(timeline, lane)]


def _on(timeline: Timeline, lane: int) -> list[Layer]:
    rows = _calls(timeline, lane)
    mixtures = _mixtures(timeline, rows, lane)
    spans = list[tuple[int, int]]()
    for row in rows.tolist() if mixtures else ():
        mixture = mixtures[timeline.name(row)]
        if mixture.total < FEW:
            mixture = mixtures[CALL]
        start, end = int(timeline.events.start_ns[row]), int(timeline.events.end_ns[row])
        spans += [piece[1:] for piece in mixture.cut(start, end) if piece[0] == LEAF]
    if not spans:
        return []
    starts, ends = np.array(spans, np.int64).T
    return [Layer(LEAF, Intervals(starts, ends), np.full(len(spans), lane, np.int32))]


def _calls(timeline: Timeline, lane: int) -> Rows:
    """One thread's calls of libraries that read or write, and its models' calls into which nothing
    sees, in order of time."""
    events, rows = timeline.events, timeline.by_kind[Kind.RANGE]
    rows = rows[events.stage[rows] == STAGES.index("io")]
    rows = rows[timeline.label(rows, names.entry_of) != ""]
    if not timeline.sees_inside_models:
        rows = np.union1d(rows, timeline.model_spans)
    return timeline.outermost(rows[events.lane[rows] == lane])


def _mixtures(timeline: Timeline, rows: Rows, lane: int) -> dict[str, Mixture]:
    """How calls of each name divide, and all together (``CALL``). Empty without any sample."""
    samples, spans = timeline.samples, timeline.events.intervals(rows)
    gaps = Gaps(spans, [(timeline.name(row), "") for row in rows.tolist()])
    mine = np.flatnonzero((samples.lane == lane) & samples.of_requests)
    place = gaps.holding(samples.time_ns[mine])
    mine, place = mine[place >= 0], place[place >= 0]
    position = (samples.time_ns[mine] - spans.start[place]) / (
        spans.end[place] - spans.start[place]
    )
    waits = samples.stacks.state[mine] == State.GIL
    found = defaultdict[str, Mixture](Mixture)
    for is_wait, one, where in zip(waits.tolist(), place.tolist(), position.tolist(), strict=True):
        for kind in (gaps.kinds[one][0], CALL):
            found[kind].add(LEAF if is_wait else CALL, where)
    return found
