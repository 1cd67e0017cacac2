"""Where py-spy's clock stands on ours, by what threads did: for a process that we only watch.

A thread in a function that only waits for work is blocked, as the kernel tells us; in any other
function it mostly is not. Of all offsets the true one lets the two agree best.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from infprof.profiler.intervals import Int64Array
from infprof.profiler.stack_clock import Alignment
from infprof.profiler.stacks import State
from infprof.profiler.thread_state import LOCKS

STEP_NS = 2_000_000
ENOUGH_CHANGES = 20
"""Turns from waiting to work: fewer agree with many offsets."""

NOTABLE = 0.02
"""What the best offset must agree better than the usual one, and what near-best ones may lack."""


def align_states(
    seen: Int64Array,
    times: Mapping[int, Int64Array],
    states: Mapping[int, Int64Array],
    between: tuple[int, int],
) -> Alignment | None:
    """From ``seen``, rows of (their time, thread, rests or not), and the kernel's states of each
    thread with their times on our clock. ``None`` where too little tells offsets apart."""
    threads = [thread for thread in np.unique(seen[:, 1]).tolist() if len(times.get(thread, ()))]
    mine = [seen[seen[:, 1] == thread] for thread in threads]
    if sum(int((np.diff(rows[:, 2]) != 0).sum()) for rows in mine) < ENOUGH_CHANGES:
        return None
    offsets = np.arange(between[0], max(between[1], between[0] + 1), STEP_NS)
    agreeing = np.zeros(len(offsets))
    for thread, rows in zip(threads, mine, strict=True):
        middles = (times[thread][1:] + times[thread][:-1]) // 2
        is_blocked = np.isin(states[thread], (State.IO, State.SLEEP, *LOCKS))
        for place, offset in enumerate(offsets.tolist()):
            nearest = np.searchsorted(middles, rows[:, 0] + offset)
            agreeing[place] += int((is_blocked[nearest] == (rows[:, 2] == 1)).sum())
    agreeing /= sum(map(len, mine))
    best = agreeing.max()
    if best < np.median(agreeing) + NOTABLE:
        return None
    near = offsets[agreeing >= best - NOTABLE / 2]
    return Alignment(int(near.mean()), int(near[-1] - near[0]) // 2 + STEP_NS)
