"""Threads that run an event loop, the model calls they run, and who waits for them meanwhile."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from infprof.profiler.call_stages import frame_text
from infprof.profiler.call_tree import MODEL_FILE
from infprof.profiler.intervals import Int64Array, Intervals, clip, intersect, length, union
from infprof.profiler.stacks import State
from infprof.profiler.timeline import Rows
from infprof.rules.call_masks import under
from infprof.rules.evidence import Evidence
from infprof.rules.host_code import Mask

LOOP = re.compile(
    r"asyncio/(base_events|runners|unix_events|windows_events|events)\.py"
    r"|(^|/)uvloop(/|\.)|trio/_core/_run\.py"
)
"""Frames that only the thread of an event loop has below the program's own."""

LONG_HOLD_NS = 10_000_000
"""Shorter holds of the loop are felt by nobody: a request over a network varies by as much
(CATALOGUE IP-PY-002; asyncio itself warns from 100 ms on)."""

MANY_TASKS = 3.0
"""Tasks at a time: a main one that waits, one that is served, and one that is kept waiting."""


class Overlap(NamedTuple):
    """What requests of one thread lost to each other."""

    requests: int
    concurrent: int
    """Requests that were under way while another one was."""
    waited_ns: int
    """All their time in which the loop's thread ran a model for another request."""
    longest_ns: int
    """The longest single hold of the loop."""


NOBODY = Overlap(0, 0, 0, 0)


def on_loop(evidence: Evidence) -> Mask:
    """The samples with an event loop on the stack, but for a notebook's, which serves nobody."""
    return _with_frame(evidence, LOOP) & ~_with_frame(evidence, re.compile("ipykernel"))


def in_coroutine(evidence: Evidence) -> Mask:
    """The samples in which a loop runs the program's own code: it lies within the loop's frames."""
    calls = evidence.timeline.samples.stacks.calls
    loops, found = np.zeros(len(calls) + 1, bool), np.zeros(len(calls) + 1, bool)
    for call in range(len(calls)):
        parent = calls.parent[call]
        loops[call] = loops[parent] or LOOP.search(frame_text(calls.place(call))) is not None
        found[call] = found[parent] or (loops[parent] and calls.is_user[call])
    caught: Mask = found[evidence.timeline.samples.stacks.call]
    return caught & ~_with_frame(evidence, re.compile("ipykernel"))


def keeps_others_waiting(evidence: Evidence) -> bool:
    """Whether there is anybody to wait for a loop that is blocked. Of a web server, whose requests
    have stints, there is: in its socket, where nobody sees who waits."""
    tasks = evidence.header.settings.get("loop_tasks")
    return (
        evidence.header.is_of_stretches
        or len(evidence.recording.stints) > 0
        or (isinstance(tasks, float) and tasks >= MANY_TASKS)
    )


def running_model(evidence: Evidence) -> Mask:
    """The samples that work under a call of a model. An unknown state counts as working."""
    works = np.isin(evidence.timeline.samples.stacks.state, (State.RUNNING, State.UNKNOWN))
    return works & _with_frame(evidence, re.compile(re.escape(MODEL_FILE)))


def _with_frame(evidence: Evidence, pattern: re.Pattern[str]) -> Mask:
    return under(evidence, lambda place: pattern.search(frame_text(place)) is not None)


def holds(evidence: Evidence, lane: int) -> Intervals | None:
    """When a model's call, or declared compute, kept a thread for long; ``None`` where none of the
    thread's calls were recorded."""
    timeline = evidence.timeline
    rows = timeline.model_ranges
    rows = rows[timeline.events.lane[rows] == lane]
    if not len(rows):
        return None
    return timeline.busy(rows[timeline.durations(rows) >= LONG_HOLD_NS])


def overlap(evidence: Evidence, lane: int, held: Intervals) -> Overlap:
    """How long requests of one thread waited for the model calls of each other.

    Each moment of a model call belongs to one of the requests that are under way; all others of
    them wait. So whose it is need not be known.
    """
    table = evidence.recording.requests
    mine = table.warm & (table.lane == lane)
    start, end = table.start_ns[mine], table.end_ns[mine]
    each = [length(clip(held, *one)) for one in zip(start.tolist(), end.tolist(), strict=True)]
    served = length(intersect(held, union(Intervals(start, end))))
    longest = max((held.end - held.start).tolist(), default=0)
    return Overlap(len(start), _concurrent(start, end), sum(each) - served, longest)


def _concurrent(start: Int64Array, end: Int64Array) -> int:
    """How many of some intervals, sorted by start, share time with another."""
    reach = np.maximum.accumulate(end)
    after = np.concatenate(([False], start[1:] < reach[:-1]))[: len(start)]
    before = np.concatenate((start[1:] < end[:-1], [False]))[: len(start)]
    return int((after | before).sum())


def lanes_of(evidence: Evidence, mask: Mask) -> Rows:
    """The threads that these samples caught."""
    return np.unique(evidence.timeline.samples.lane[mask]).astype(np.intp)
