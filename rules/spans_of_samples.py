"""Which sampled stacks fell into which ranges: samples of the same thread, at a time within."""

from __future__ import annotations

import numpy as np

from infprof.profiler.intervals import holds
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence
from infprof.rules.host_code import Mask


def samples_within(evidence: Evidence, rows: Rows) -> Mask:
    """The samples that caught a row's thread during the row, in a request or not."""
    samples, events = evidence.timeline.samples, evidence.timeline.events
    found: Mask = np.zeros(len(samples), bool)
    for lane in np.unique(events.lane[rows]):
        spans = evidence.timeline.busy(rows[events.lane[rows] == lane])
        found |= (samples.lane == lane) & holds(spans, samples.time_ns)
    return found
