"""The path of the median and of the slowest request: what they waited for, from start to end."""

from __future__ import annotations

from itertools import groupby

import numpy as np

from infprof.profiler.breakdown import RequestBreakdown, stage_of
from infprof.profiler.intervals import length_before
from infprof.reports import wording
from infprof.reports.report import PathPiece, PathRow
from infprof.rules.evidence import Evidence

SLICES = 200
"""A path is drawn in so many equal slices, each as the stage that has most of it: on an ordinary
screen a slice is 5 pixels wide."""

NOTABLE = 1.2
"""How many times as long as the median the slowest request takes when that is worth a sentence."""


def request_paths(evidence: Evidence) -> list[PathRow]:
    """Two rows, or one where there is one request, or none where there is none."""
    requests = sorted(evidence.breakdown.requests, key=lambda one: one.request.wall_ns)
    header = evidence.header
    if not requests or header.tells_a_mean or header.is_of_stretches:  # these have no order
        return []
    if len(requests) == 1:
        whole = "the request" if len(evidence.recording.requests) else "the whole trace"
        return [_row(whole, requests[0])]
    median, slowest = requests[(len(requests) - 1) // 2], requests[-1]
    return [_row("the median request", median), _row("the slowest request", slowest)]


def slowest_in_words(rows: list[PathRow]) -> str:
    """What the slowest request did longer than the median one; "" where it is not worth saying."""
    if len(rows) < 2 or rows[1].wall_ms < NOTABLE * rows[0].wall_ms:
        return ""
    median, slowest = rows
    more = {leaf: time - median.leaves.get(leaf, 0.0) for leaf, time in slowest.leaves.items()}
    most = max(more, key=lambda one: more[one])
    stage, _, what = most.partition(".")
    return (
        f"The slowest request looked at took {wording.ms(slowest.wall_ms)}, the median one "
        f"{wording.ms(median.wall_ms)}; {wording.ms(more[most])} of the difference are "
        f"{wording.plain(what, 60) + f' ({stage})' if what else stage}."
    )


def _row(name: str, one: RequestBreakdown) -> PathRow:
    leaves = {leaf: share.exposed_ns for leaf, share in one.leaves.items() if share.exposed_ns}
    stages = dict.fromkeys((stage_of(leaf) for leaf in leaves), 0)
    for leaf, time in leaves.items():
        stages[stage_of(leaf)] += time
    return PathRow(
        name=name,
        wall_ms=one.request.wall_ns / 1e6,
        stages={stage: time / 1e6 for stage, time in stages.items()},
        leaves={leaf: time / 1e6 for leaf, time in leaves.items()},
        pieces=_pieces(one, list(stages)),
    )


def _pieces(one: RequestBreakdown, stages: list[str]) -> list[PathPiece]:
    """Equal slices of the request, neighbours of one stage joined."""
    start, wall = one.request.start_ns, one.request.wall_ns
    edges = start + np.arange(SLICES + 1, dtype=np.int64) * wall // SLICES
    time = np.array([np.diff(length_before(one.exposed(stage), edges)) for stage in stages])
    most = np.argmax(time, axis=0).tolist()
    ends, found = (edges - start).tolist(), []
    for place, slices in groupby(range(SLICES), key=lambda number: most[number]):
        numbers = list(slices)
        begin, end = ends[numbers[0]] / 1e6, ends[numbers[-1] + 1] / 1e6
        found.append(PathPiece(stage=stages[place], start_ms=begin, end_ms=end))
    return found
