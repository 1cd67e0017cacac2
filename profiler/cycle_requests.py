"""From the turns of loops around model calls to requests, where the program marked none.

A request is a turn of the innermost loop that calls a model, unless an outer loop does work of its
own around it: a prompt of many steps, a page of many crops. Each is cut from the model call that
begins it to the one that begins the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infprof.profiler.intervals import Int64Array, Intervals, holds, union
from infprof.profiler.model_cycles import FIRST
from infprof.profiler.phase import Phase
from infprof.profiler.stacks import Calls

OUTER_WORK = 0.10
"""Share of an outer loop's time that must lie outside of its inner loop for it to be the request.
Less changes no verdict, and an outer loop may be mere repetition (epochs, sweeps)."""

FEW_TURNS = 3
"""Of an outer loop: fewer say nothing about a typical one."""

LONG_COLD_NS = 1_000_000_000
"""After a first request this long nothing is left to warm up (as ``schedule`` has it)."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Columns of one length in order of time: when a turn began, on which thread, how deep."""

    time_ns: Int64Array
    thread: Int64Array
    depth: Int64Array
    size: Int64Array
    """Values in the model's input, -1 where unknown."""

    def of(self, thread: int) -> Turns:
        """Those of one thread."""
        mine = self.thread == thread
        return Turns(self.time_ns[mine], self.thread[mine], self.depth[mine], self.size[mine])


Row = tuple[int, int, int]
"""start_ns, end_ns, thread."""


def cut(turns: Turns, warmup: int, windows: list[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Rows of (start_ns, end_ns, thread, phase), in order of start."""
    threads = np.unique(turns.thread).tolist()
    depth = _depth_of_request([turns.of(thread) for thread in threads])
    rows = sorted(row for thread in threads for row in _rows(turns.of(thread), depth))
    phases = _phases(rows, warmup, windows)
    return [(*row, int(phase)) for row, phase in zip(rows, phases, strict=True)]


def _rows(turns: Turns, depth: int) -> list[Row]:
    """The cycles of one thread between turns no deeper than ``depth``."""
    chosen = np.flatnonzero((turns.depth <= depth) | (turns.depth == FIRST))
    found = []
    for this, following in zip(chosen[:-1], chosen[1:], strict=True):
        if turns.depth[following] == depth:  # else an outer loop turns: what it does is in between
            start, end = int(turns.time_ns[this]), int(turns.time_ns[following])
            found.append((start, end, int(turns.thread[this])))
    return found


def _depth_of_request(threads: list[Turns]) -> int:
    depths = sorted({int(depth) for one in threads for depth in one.depth if depth != FIRST})
    if not depths:
        return 0
    chosen = depths[-1]
    for outer in reversed(depths[:-1]):
        if not _holds(threads, outer, chosen):  # two loops, one after the other: the longer one
            if _time(threads, outer) > _time(threads, chosen):
                chosen = outer
        elif _works_around(threads, outer, chosen) or _decodes(threads, outer):
            chosen = outer
    return chosen


def _time(threads: list[Turns], depth: int) -> int:
    return sum(end - start for one in threads for start, end, _ in _rows(one, depth))


def _holds(threads: list[Turns], outer: int, inner: int) -> bool:
    """Whether the inner loop mostly turns within turns of the outer one, from the first of these to
    the last."""
    total = held = 0
    for one in threads:
        turns = one.time_ns[one.depth == outer]
        steps = one.time_ns[one.depth == inner]
        if len(turns) > 1:
            steps = steps[(steps >= turns[0]) & (steps < turns[-1])]
            rows = np.array([row[:2] for row in _rows(one, outer)], np.int64).reshape(-1, 2)
            total += len(steps)
            held += int(holds(union(Intervals(rows[:, 0], rows[:, 1])), steps).sum())
    return total > 0 and held > total / 2


def _works_around(threads: list[Turns], outer: int, inner: int) -> bool:
    """Whether much of the outer loop's time lies between two runs of the inner one."""
    turns = whole = around = 0
    for one in threads:
        rows, steps = _rows(one, outer), one.time_ns[one.depth == inner]
        turns += len(rows)
        whole += sum(end - start for start, end, _ in rows)
        runs = [_run_of(steps, row) for row in rows]
        step = _usual([np.diff(run) for run in runs])
        for (_, end, _), run in zip(rows, runs, strict=True):
            if len(run) > 1:  # what begins the turn, and what ends it, is no step
                before, beyond = int(run[1] - run[0]), end - int(run[-1])
                around += max(before - step, 0) + max(beyond - step, 0)
    return turns >= FEW_TURNS and around >= OUTER_WORK * whole


def _run_of(steps: Int64Array, row: Row) -> Int64Array:
    """When the steps within an outer turn began; the call that begins the turn is the first."""
    first, after = np.searchsorted(steps, row[:2]).tolist()
    run: Int64Array = np.concatenate((np.array(row[:1], np.int64), steps[first:after]))
    return run


def _usual(steps: list[Int64Array]) -> int:
    """The median of all; between two runs there is no step."""
    each = np.concatenate(steps) if steps else np.empty(0, np.int64)
    return int(np.median(each)) if len(each) else 0


def _decodes(threads: list[Turns], outer: int) -> bool:
    """Whether the model's input grows by every step of a turn: a sequence that is being made."""
    grown = total = 0
    for one in threads:
        for start, end, _ in _rows(one, outer):
            inside = (one.time_ns >= start) & (one.time_ns < end)
            sizes = one.size[inside]
            if (sizes < 0).any():  # later ones are not asked for
                continue
            total += 1
            grown += len(sizes) >= 4 and bool((np.diff(sizes) > 0).all())
    return total >= FEW_TURNS and grown >= 0.8 * total


def _phases(rows: list[Row], warmup: int, windows: list[tuple[int, int]]) -> list[Phase]:
    found = []
    if warmup and rows and rows[0][1] - rows[0][0] >= LONG_COLD_NS:
        warmup = 1
    for number, (start, end, _) in enumerate(rows):
        if number < warmup:
            found.append(Phase.COLD if number == 0 else Phase.WARMUP)
        elif any(low <= start and end <= high for low, high in windows):
            found.append(Phase.TRACED)
        elif any(start < high and low < end for low, high in windows):
            found.append(Phase.WARMUP)  # traced in part
        else:
            found.append(Phase.PLAIN)
    return found


LEAST_SAMPLES = 5
"""A run with fewer samples after its imports is too short to be cut."""


def whole_run(stacks: Int64Array, calls: Calls, main: int | None) -> tuple[int, ...] | None:
    """The main thread from its last import on as one request, where the program called no model
    that we know of; ``None`` where samples are too few. ``stacks`` are rows of (time_ns, thread,
    call, state)."""
    importing = np.array([IMPORTS in calls.place(call).file for call in range(len(calls))], bool)
    for call in range(len(calls)):
        importing[call] |= calls.parent[call] >= 0 and importing[calls.parent[call]]
    mine = stacks[stacks[:, 1] == main]
    last = np.flatnonzero(importing[mine[:, 2]]) if len(mine) else mine[:, 0]
    after = mine[last[-1] + 1 :] if len(last) else mine
    if main is None or len(after) < LEAST_SAMPLES:
        return None
    return int(after[0, 0]), int(after[-1, 0]), main, int(Phase.PLAIN)


IMPORTS = "importlib._bootstrap"
"""In the file's name of the frames that import a module."""
