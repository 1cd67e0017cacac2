"""Reads that requests wait for, as sampled stacks tell: where, and how long, but not how many."""

from __future__ import annotations

import re

import numpy as np

from infprof.profiler.call_stages import frame_text
from infprof.profiler.events import Kind
from infprof.profiler.stacks import State
from infprof.profiler.stages import STAGES
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence
from infprof.rules.host_code import ENOUGH_SAMPLES, Mask, samples_of
from infprof.rules.spans_of_samples import samples_within

SERVERS = re.compile(
    r"(^|/)(selectors|socketserver)\.py|asyncio/base_events\.py|(^|/)http/server\.py|uvloop"
    r"|uvicorn/|gunicorn/|hypercorn/|waitress/|werkzeug/serving|: accept$"
)
"""A wait with such a frame below the program's code is for the next client, not for a read."""


def sampled_reads(evidence: Evidence) -> Mask:
    """The samples that caught a request blocked in a read around which there is no range."""
    samples = evidence.timeline.samples
    chosen: Mask = samples_of(evidence, stages=("io",)) & (samples.stacks.state == State.IO)
    chosen &= ~samples_within(evidence, _declared(evidence))
    for call in np.unique(samples.stacks.call[chosen]).tolist():
        if _waits_for_clients(evidence, call):
            chosen &= samples.stacks.call != call
    return chosen


def sampled_reads_ns(evidence: Evidence, mask: Mask) -> int:
    """How long they kept a request waiting with nothing above them, per request."""
    samples = evidence.timeline.samples
    leaves = tuple(set(samples.leaf[mask].tolist()))
    if not leaves:
        return 0
    unnamed = ~samples_within(evidence, _declared(evidence))
    alike = samples_of(evidence, leaves=leaves) & unnamed
    return evidence.exposed_ns(*leaves) * int(mask.sum()) // int(alike.sum())


def too_few(evidence: Evidence) -> bool:
    """Whether the samples of requests are too few for their shares to mean anything."""
    return int(evidence.timeline.samples.of_requests.sum()) < ENOUGH_SAMPLES


def _declared(evidence: Evidence) -> Rows:
    """Ranges of reads, in all requests: their time has an exact name."""
    timeline = evidence.timeline
    rows = timeline.by_kind[Kind.RANGE]
    declared: Rows = rows[timeline.events.stage[rows] == STAGES.index("io")]
    return declared


def _waits_for_clients(evidence: Evidence, call: int) -> bool:
    """Whether a server's frame lies between the program's innermost function and the wait."""
    calls = evidence.timeline.samples.stacks.calls
    while call >= 0 and not calls.is_user[call]:
        if SERVERS.search(frame_text(calls.place(call))):
            return True
        call = int(calls.parent[call])
    return call < 0
