"""The roofline as rows for people: what the device reached of what it can do at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infprof.profiler.roofline import roofline
from infprof.profiler.timeline import Timeline
from infprof.profiler.work_groups import Group
from infprof.reports.roofline_models import Roofline, RooflineRow
from infprof.rules.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Reached:
    """What ``make_report`` puts into the Report in several places."""

    table: Roofline | None
    """``None`` where no work of known size was recorded."""
    mfu: float | None
    mbu: float | None
    missing: Mapping[str, str]
    """What is not known of these, each with the reason."""


def reached(evidence: Evidence) -> Reached:
    """Of the traced requests, also where the report explains others: only there operators are
    known."""
    timeline = evidence.timeline
    if not timeline.sees_inside_models:
        timeline = Timeline(evidence.recording)
    found = roofline(timeline)
    if "roofline" in found.missing:
        return Reached(None, None, None, found.missing)
    table = Roofline(
        device=found.peaks.device if found.peaks else None,
        source=found.peaks.source if found.peaks else None,
        mfu=found.mfu,
        mbu=found.mbu,
        known_share=found.known_share,
        rows=[_row(group, found.busy_ns) for group in found.groups],
    )
    return Reached(table, found.mfu, found.mbu, found.missing)


def _row(group: Group, busy_ns: int) -> RooflineRow:
    return RooflineRow(
        family=group.family,
        precision=group.precision,
        busy_ms=group.busy_ns / 1e6,
        busy_share=group.busy_ns / busy_ns if busy_ns else 0.0,
        known_share=group.known_share,
        flops_per_s=group.flops_per_s,
        bytes_per_s=group.bytes_per_s,
        flop_per_byte=group.flop_per_byte,
        bound_by=group.bound_by,
        reached_share=group.reached_share,
    )
