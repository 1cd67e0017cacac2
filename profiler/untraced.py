"""What the requests that no tracer slowed are made of, though only the tracer sees ops.

Of an untraced request all exact spans are known but the inside of the model's calls. That is taken
over from the traced calls of the same model, as proportions. So rare things (a garbage collection,
a slow read) count as often as they come, and the tracer's own cost does not count at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from infprof.profiler.breakdown import Breakdown, by_occupancy
from infprof.profiler.intervals import Intervals, holds, union
from infprof.profiler.mixture import Mixture
from infprof.profiler.phase import Phase
from infprof.profiler.recording import Requests
from infprof.profiler.timeline import Rows, Timeline

ENOUGH_REQUESTS = 10
"""Fewer untraced requests are no better than the traced ones."""

OF_THE_HOST = "python", "profiler"
"""What a tracer makes longer: it notes each op, on the thread that runs it."""


def untraced(timeline: Timeline) -> tuple[Timeline, Breakdown] | None:
    """The untraced requests' timeline and breakdown; ``None`` where they cannot be had."""
    if not timeline.is_cut_by_code or timeline.uses_device:
        return None
    models = _inside_models(timeline)
    plain = replace(timeline, phases=(Phase.PLAIN,), model_mixtures=models)
    if not models or len(plain.requests) < ENOUGH_REQUESTS:
        return None
    return plain, by_occupancy(plain)


def _inside_models(timeline: Timeline) -> Mapping[str, Mixture]:
    """For each model, how its calls in windows divide, shortened to what the others take."""
    seen = _in_windows(timeline)
    if not seen.any():
        return {}
    mixtures = defaultdict[str, Mixture](Mixture)
    traced = by_occupancy(_calls_alone(timeline, timeline.model_spans[seen]))
    names = {
        (int(timeline.events.start_ns[row]), int(timeline.events.lane[row])): timeline.name(row)
        for row in timeline.model_spans[seen]
    }
    for one in traced.requests:
        mixture = mixtures[names[one.request.start_ns, one.request.lane or 0]]
        for leaf, share in one.leaves.items():
            mixture.count[leaf] += share.exposed_ns
    return {
        name: _without_tracer(mixture, *_means(timeline, name, seen))
        for name, mixture in mixtures.items()
        if mixture.total
    }


def _in_windows(timeline: Timeline) -> npt.NDArray[np.bool_]:
    """Which of the model spans lie in a window as a whole."""
    events, rows = timeline.events, timeline.model_spans
    inside = np.zeros(len(rows), bool)
    for window in timeline.recording.header.windows:
        within = (events.start_ns[rows] >= window.start_ns) & (events.end_ns[rows] <= window.end_ns)
        inside |= within
    return inside


def _calls_alone(timeline: Timeline, rows: Rows) -> Timeline:
    """The timeline in which each of these calls is a request of its own."""
    events = timeline.events
    spans = zip(events.start_ns[rows], events.end_ns[rows], events.lane[rows], strict=True)
    table = [(int(start), int(end), int(lane), Phase.TRACED, 0) for start, end, lane in spans]
    return Timeline(replace(timeline.recording, requests=Requests.of(table)))


def _means(timeline: Timeline, name: str, seen: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Mean length of a model's calls in untraced requests and in windows; 0 where none were."""
    rows, table = timeline.model_spans, timeline.recording.requests
    starts, length = timeline.events.start_ns[rows], timeline.durations(rows)
    mine = timeline.label(rows, lambda text: text) == name
    plain = table.phase == Phase.PLAIN
    served = union(Intervals(table.start_ns[plain], table.end_ns[plain]))
    in_plain = holds(served, starts)
    lengths = length[mine & in_plain & ~seen], length[mine & seen]
    means = [float(one.mean()) if len(one) else 0.0 for one in lengths]
    return means[0], means[1]


def _without_tracer(mixture: Mixture, plain_ns: float, traced_ns: float) -> Mixture:
    """Take what the tracer added off the host's part, as far as there is any."""
    if not plain_ns or traced_ns <= plain_ns:
        return mixture
    host = [leaf for leaf in mixture.count if leaf.startswith(OF_THE_HOST)]
    excess = mixture.total * (1 - plain_ns / traced_ns)
    part = sum(mixture.count[leaf] for leaf in host)
    kept = max(1 - excess / part, 0.0) if part else 1.0
    cut = Mixture(defaultdict(int, mixture.count), mixture.position)
    for leaf in host:
        cut.count[leaf] = int(mixture.count[leaf] * kept)
    return cut if cut.total else mixture
