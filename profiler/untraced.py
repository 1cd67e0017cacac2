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

from infprof.profiler.breakdown import Breakdown, by_occupancy
from infprof.profiler.intervals import Intervals, clip, intersect, length, union
from infprof.profiler.mixture import Mixture
from infprof.profiler.phase import Phase
from infprof.profiler.timeline import Timeline

ENOUGH_REQUESTS = 10
"""Fewer untraced requests are no better than the traced ones."""

OF_THE_HOST = "python", "profiler"
"""What a tracer makes longer: it notes each op, on the thread that runs it."""


def untraced(timeline: Timeline, traced: Breakdown) -> tuple[Timeline, Breakdown] | None:
    """The untraced requests' timeline and breakdown; ``None`` where they cannot be had."""
    if not timeline.is_cut_by_code or timeline.uses_device:
        return None
    models = _inside_models(timeline, traced)
    plain = replace(timeline, phases=(Phase.PLAIN,), model_mixtures=models)
    if not models or len(plain.requests) < ENOUGH_REQUESTS:
        return None
    return plain, by_occupancy(plain)


def _inside_models(timeline: Timeline, traced: Breakdown) -> Mapping[str, Mixture]:
    """For each model, how its traced calls divide, shortened to what its untraced ones take."""
    events, rows = timeline.events, timeline.model_spans
    name = np.array([timeline.name(row) for row in rows], object)
    found = dict[str, Mixture]()
    for model in sorted(set(name.tolist())):
        mine = rows[name == model]
        mixture = Mixture()
        for one in traced.requests:
            on_thread = mine[events.lane[mine] == one.request.lane]
            spans = timeline.busy(on_thread)
            inside = clip(spans, one.request.start_ns, one.request.end_ns)
            _add(mixture, {leaf: share.exposed for leaf, share in one.leaves.items()}, inside)
        if mixture.total:
            found[model] = _without_tracer(mixture, *_means(timeline, mine))
    return found


def _add(mixture: Mixture, leaves: Mapping[str, Intervals], inside: Intervals) -> None:
    for leaf, exposed in leaves.items():
        time = length(intersect(exposed, inside))
        if time:
            mixture.count[leaf] += time


def _means(
    timeline: Timeline, rows: np.ndarray[tuple[int], np.dtype[np.intp]]
) -> tuple[float, float]:
    """Mean length of a model's calls in untraced and in traced requests; 0 where none were."""
    table, starts = timeline.recording.requests, timeline.events.start_ns[rows]
    means = []
    for phase in (Phase.PLAIN, Phase.TRACED):
        chosen = table.phase == phase
        served = union(Intervals(table.start_ns[chosen], table.end_ns[chosen]))
        place = np.searchsorted(served.start, starts, side="right")
        inside = np.append(np.iinfo(np.int64).min, served.end)[place] > starts
        lengths = timeline.durations(rows)[inside]
        means.append(float(lengths.mean()) if len(lengths) else 0.0)
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
