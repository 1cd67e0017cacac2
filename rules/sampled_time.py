"""Sampled time made fit for a finding: what the device hid, what chance may have added, and which
request each sample caught."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import holds
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Unknown
from infprof.rules.host_code import Mask, sampled_ns
from infprof.rules.host_time import MODEL_KERNELS


def visible_ns(evidence: Evidence, mask: Mask, what: str) -> int:
    """Time per request of the chosen samples that no kernel of the model hid.

    Kernels are known in the explained requests only: those stand for the others. Raises
    ``Unknown`` where there is much of it, but nothing tells what the device did meanwhile.
    """
    samples = evidence.timeline.samples
    time_ns = sampled_ns(evidence, mask)
    if evidence.share(time_ns) < GATE_SHARE or not evidence.timeline.has_device:
        return time_ns
    times = samples.time_ns[mask & samples.of_requests]
    times = times[holds(evidence.covered, times)]
    if not len(times):
        raise Unknown(f"no sample of {what} fell into a traced request, so kernels may hide it")
    hidden = holds(evidence.breakdown.exposed_intervals(*MODEL_KERNELS), times)
    return time_ns * int((~hidden).sum()) // len(times)


def at_least_ns(time_ns: int, count: int) -> int:
    """What is left of a time known from ``count`` samples if chance added two sigma to it."""
    return int(time_ns * max(0.0, 1 - 2 / math.sqrt(max(count, 1))))


def request_of(evidence: Evidence) -> npt.NDArray[np.int64]:
    """For each sample the warm request that it caught, as a row of the table; -1 for none."""
    table, samples = evidence.recording.requests, evidence.timeline.samples
    found = np.full(len(samples), -1, np.int64)
    warm = table.warm
    for lane in np.unique(table.lane[warm]):
        rows = np.flatnonzero(warm & (table.lane == lane))
        mine = np.flatnonzero(samples.of_requests & (samples.lane == lane))
        place = np.searchsorted(table.start_ns[rows], samples.time_ns[mine], side="right") - 1
        found[mine] = np.where(place >= 0, rows[np.maximum(place, 0)], -1)
    return found
