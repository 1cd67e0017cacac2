"""The kernels that some operators launched."""

from __future__ import annotations

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.nesting import innermost_at
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence


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
