"""What a request takes in a flow whose next one is prepared meanwhile, by workers.

Processes, that is, where the work holds the interpreter's lock.
"""

from __future__ import annotations

import numpy as np

from infprof.profiler.intervals import EMPTY, Intervals, intersect
from infprof.profiler.pipelining import Stage, mean_ns, pipelined
from infprof.profiler.timeline import Rows
from infprof.rules.cores_at_once import cores_at_once
from infprof.rules.evidence import Evidence
from infprof.rules.exact_spans import waited_for, without
from infprof.rules.finding import Saving
from infprof.rules.host_time import less_error, per_request

WAITS = ("io", "queue", "python.sleep", "python.lock_wait")
"""Exposed so, a thread computes nothing."""

RIGHT_AFTER = 0.05
"""Of the mean wall: what begins this soon after the request before it could have begun earlier."""


def saving_beside(
    evidence: Evidence, rows: Rows, leaf: str, workers: int, parts: float
) -> Saving | None:
    """What it saves to do these rows, exposed as ``leaf``, in ``workers`` meanwhile; a request has
    ``parts`` of them in turn. Nothing where threads only take turns; ``None`` where it is not known
    how many advance at once."""
    cores = cores_at_once(evidence, rows, evidence.timeline.model_ranges)
    if cores is None:
        return None
    exposed = evidence.exposed_part_ns(rows, leaf)
    return saving_of(evidence, waited_for(evidence, rows, leaf), exposed, cores, workers, parts)


def saving_of(
    evidence: Evidence,
    spans: Intervals,
    exposed_ns: int,
    cores: float,
    workers: int = 1,
    parts: float = 1.0,
) -> Saving:
    """The same of any time within the requests, a set, of which so much is exposed; ``cores`` are
    the threads that advance at once."""
    wall = evidence.wall_ns
    saved = evidence.saved_ns(exposed_ns, without(evidence, spans))
    moved, rest = per_request(evidence, spans), wall - saved
    part = -(-moved // workers)
    computing = min(max(wall - moved - waiting_ns(evidence), 0), rest)
    best, worst = (
        pipelined(Stage(part, part, workers), Stage(rest, computing, threads), wall, cores)
        for threads in (1, _threads(evidence))  # small operators use one
    )
    if best is None or worst is None:
        return Saving(0, 0, "A", evidence.basis)
    number = requests_in_a_row(evidence) * parts
    low, high = (wall - mean_ns(one, wall, number) for one in (worst.worst_ns, best.best_ns))
    return Saving(less_error(low), high, "A", evidence.basis)


def waiting_ns(evidence: Evidence) -> int:
    """For how long a request's threads wait for the device or for something outside."""
    paths = evidence.breakdown.paths
    calls = EMPTY if paths is None else evidence.timeline.busy(paths.waits.may_wait)
    for_device = per_request(evidence, intersect(calls, evidence.covered))
    return for_device + evidence.exposed_ns(*WAITS)


def requests_in_a_row(evidence: Evidence) -> float:
    """How many begin right after one another, on average: 1 where each is alone."""
    table = evidence.recording.requests
    rows = np.flatnonzero(table.warm)
    rows = rows[np.lexsort((table.start_ns[rows], table.lane[rows]))]
    pause = table.start_ns[rows[1:]] - table.end_ns[rows[:-1]]
    follows = (pause <= RIGHT_AFTER * evidence.wall_ns) & (
        table.lane[rows[1:]] == table.lane[rows[:-1]]
    )
    alone = len(rows) - int(follows.sum())
    return len(rows) / alone if alone else 1.0


def _threads(evidence: Evidence) -> int:
    """On how many CPUs an operator of the program computes."""
    threads = evidence.header.flags.get("threads")
    if evidence.device_use != "unused" or isinstance(threads, bool) or not isinstance(threads, int):
        return 1
    return max(threads, 1)
