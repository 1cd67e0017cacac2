"""Whether a model gets more rows with each call, as the shapes of its layers' inputs tell."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.intervals import Int64Array
from infprof.rules.evidence import Evidence
from infprof.rules.growing_calls import Decoding
from infprof.rules.op_inputs import inputs_of

STEADY_STEPS = 0.8
"""So many of the steps from call to call must add the same number of rows. Inputs that happen to
be sorted by length grow too, but by all sorts of steps."""

ACTIVATIONS = {"aten::mm": 0, "aten::addmm": 1, "aten::linear": 0}
"""Ops of layers, which see one row for each token given; the place of the input. A product of
attention (``bmm``) grows with a cache too."""


class Growth(NamedTuple):
    """How a model's input grows from call to call."""

    is_steady: bool
    """Always by the same number of rows."""
    prompt: float
    """How many steps' rows the first call has; 0 where nothing is steady."""


def growth_of_rows(evidence: Evidence, found: list[Decoding]) -> Growth | None:
    """Of the rows that the layers get; ``None`` where no shapes were recorded inside the calls."""
    seen = [rows for one in found if (rows := _rows_of_calls(evidence, one)) is not None]
    if not seen:
        return None
    each = [_growth(rows) for rows in seen]
    is_steady = all(one.is_steady for one in each)
    return Growth(is_steady, float(np.median([one.prompt for one in each])) if is_steady else 0.0)


def _growth(rows: Int64Array) -> Growth:
    steps = np.diff(rows)
    values, counts = np.unique(steps, return_counts=True)
    usual = int(values[counts.argmax()])
    is_steady = usual > 0 and counts.max() >= STEADY_STEPS * len(steps)
    return Growth(bool(is_steady), float(rows[0] / usual) if is_steady else 0.0)


def _rows_of_calls(evidence: Evidence, one: Decoding) -> Int64Array | None:
    """Rows that the widest layer input of each call had."""
    timeline, events = evidence.timeline, evidence.timeline.events
    ops = timeline.where(Kind.OP, lambda name: name if name in ACTIVATIONS else None, *ACTIVATIONS)
    ops = ops[events.shapes[ops] >= 0]
    ops = ops[events.lane[ops] == events.lane[one.rows[0]]]
    edges = np.searchsorted(
        events.start_ns[ops], [events.start_ns[one.rows], events.end_ns[one.rows]]
    )
    sizes = []
    for first, last in edges.T.tolist():
        given = [_given(evidence, op) for op in ops[first:last].tolist()]
        if not given:
            return None
        sizes.append(max(given))
    return np.array(sizes, np.int64)


def _given(evidence: Evidence, op: int) -> int:
    inputs = inputs_of(evidence.timeline, op)
    place = ACTIVATIONS[evidence.timeline.name(op)]
    return prod(inputs.shape(place)[:-1]) if inputs is not None else 0
