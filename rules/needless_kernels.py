"""Kernels that only prepare what others compute with: what they take."""

from __future__ import annotations

import re
from collections.abc import Iterator

from infprof.profiler.events import Kind
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.launch_gaps import faster_kernels_help
from infprof.rules.model_callers import compute_where


def kernels_named(evidence: Evidence, named: re.Pattern[str]) -> Rows:
    """Those with such names."""
    return evidence.rows(Kind.KERNEL, lambda name: "yes" if named.search(name) else None, "yes")


def needless_kernels(
    evidence: Evidence, rows: Rows, least_share: float, title: str, does: str, fix: Fix
) -> Iterator[Finding]:
    """A finding if these kernels take at least ``least_share`` of the exposed compute; none where
    faster kernels would help nobody. ``does`` says in words what is all that they do."""
    if not len(rows) or not faster_kernels_help(evidence):
        return
    time_ns, computing = evidence.exposed_part_ns(rows, "compute"), evidence.exposed_ns("compute")
    if not time_ns or time_ns < least_share * computing:
        return
    change = evidence.shorter((rows, 1.0))
    yield Finding(
        title=title,
        why=f"{len(rows) / evidence.requests:,.0f} kernels per request only {does}, for "
        f"{time_ns / 1e6:.2f} ms ({100 * evidence.share(time_ns):.0f} % of the wall, "
        f"{100 * time_ns / computing:.0f} % of the compute).",
        stage="compute",
        saving=Saving(0, evidence.saved_ns(time_ns, change), "C", evidence.basis),
        fix=fix,
        where=compute_where(evidence, rows),
        change=change,
    )
