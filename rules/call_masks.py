"""Which sampled calls, and so which samples, lie under code of some kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from infprof.profiler.stacks import Place, State
from infprof.rules.evidence import Evidence

Mask = npt.NDArray[np.bool_]


def running(evidence: Evidence) -> Mask:
    """Samples of requests that worked. An unknown state counts: not every system tells states."""
    samples = evidence.timeline.samples
    works: Mask = np.isin(samples.stacks.state, (int(State.RUNNING), int(State.UNKNOWN)))
    return works & samples.of_requests


def under(evidence: Evidence, counts: Callable[[Place], bool]) -> Mask:
    """Samples with a call on the stack, at any depth, for which ``counts`` says yes."""
    calls = evidence.timeline.samples.stacks.calls
    found = np.zeros(len(calls) + 1, bool)  # the last one is the parent of the outermost: -1
    for call in range(len(calls)):
        found[call] = found[calls.parent[call]] or counts(calls.place(call))
    hit: Mask = found[evidence.timeline.samples.stacks.call]
    return hit


def main_stage(evidence: Evidence, mask: Mask, default: str) -> str:
    """The host stage that most of these samples have; ``default`` where they have none."""
    stages = evidence.timeline.samples.stage[mask]
    names, counts = np.unique(stages.astype(str), return_counts=True)
    host = [
        (int(count), str(name))
        for name, count in zip(names, counts, strict=True)
        if name in ("preprocess", "postprocess", "python")
    ]
    return max(host)[1] if host else default
