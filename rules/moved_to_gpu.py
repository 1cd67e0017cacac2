"""Host code that a GPU could run: what is left of it there at least."""

from __future__ import annotations

from infprof.profiler import names
from infprof.profiler.events import Kind
from infprof.profiler.intervals import Intervals
from infprof.profiler.moved_stage import moved_to_device
from infprof.profiler.peaks import peaks_of
from infprof.profiler.replay import Change
from infprof.rules.evidence import Evidence


def moved_to_gpu(evidence: Evidence, spans: Intervals) -> Change | None:
    """These spans of the host, a set, on the GPU: what is copied to it now it makes itself, from no
    more bytes than that. ``None`` where there is no replay, nothing is copied or the memory's
    bandwidth is not known."""
    paths, peaks = evidence.breakdown.paths, peaks_of(evidence.header.machine, on_gpu=True)
    if evidence.replays is None or paths is None or peaks is None or peaks.bytes_per_s is None:
        return None
    sizes = evidence.timeline.events.size_bytes[
        evidence.rows(Kind.COPY, names.copy_direction, "h2d")
    ]
    made = int(sizes[sizes > 0].sum())
    if not made:
        return None
    return moved_to_device(paths.links, spans, int(made * 1e9 / peaks.bytes_per_s))
