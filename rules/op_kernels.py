"""The kernels that some operators launched, and what a request would save without both."""

from __future__ import annotations

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.nesting import innermost_at
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence
from infprof.rules.processor import ran_on_gpu

DISPATCH = ("python.dispatch", "python.launch", "python.interpreter")
"""What issuing work for a GPU is booked as."""


def launchers(evidence: Evidence, ops: Rows, kernels: Rows) -> Rows:
    """For each kernel the innermost of these ops in which it was launched, or -1."""
    events, calls = evidence.timeline.events, evidence.timeline.launch_of[kernels]
    found = np.full(len(kernels), -1, np.intp)
    known = np.flatnonzero(calls >= 0)
    calls = calls[known]
    found[known] = innermost_at(events, ops, events.lane[calls], events.start_ns[calls])
    return found


def kernels_of(evidence: Evidence, ops: Rows) -> Rows:
    """The kernels of the explained requests that were launched in one of these ops."""
    kernels = evidence.rows(Kind.KERNEL)
    chosen: Rows = kernels[launchers(evidence, ops, kernels) >= 0]
    return chosen


def cost_of(evidence: Evidence, ops: Rows) -> tuple[int, Change | None]:
    """How much of a request some ops take, and the change that removes them; ``None`` where no
    replay tells. On a GPU it is their kernels' exposed time and their dispatch's: one of the two
    where they overlap."""
    if not ran_on_gpu(evidence):
        return evidence.exposed_part_ns(ops, "compute.cpu"), None
    kernels = kernels_of(evidence, ops)
    time_ns = evidence.exposed_part_ns(kernels, "compute")
    time_ns += evidence.exposed_part_ns(ops, *DISPATCH)
    shorter = evidence.shorter((kernels, 1.0))
    removed = Change(host_removed=evidence.timeline.busy(ops))
    return time_ns, None if shorter is None else shorter.and_also(removed)
