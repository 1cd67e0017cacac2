"""Where compute comes from: the user's lines that call the model, and the ops that take longest."""

from __future__ import annotations

from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Where
from infprof.rules.host_code import places, samples_of
from infprof.rules.model_call_sites import model_call_sites


def compute_where(evidence: Evidence, ops: Rows | None = None) -> tuple[Where, ...]:
    """The lines that call a model, those that samples found computing, then the longest of some
    ops (all by default)."""
    rows = evidence.inside(evidence.timeline.outermost_ops) if ops is None else ops
    sites = model_call_sites(evidence, most=1)
    known = {one.name for one in sites}
    computing = places(evidence, samples_of(evidence, stages=("compute",)), most=2)
    return (
        *sites,
        *(one for one in computing if one.name not in known),
        *evidence.top(rows, most=3),
    )
