"""Operators that make a layer's weights of 8-bit ones each time, before the layer uses them."""

from __future__ import annotations

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.nesting import innermost_at
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence
from infprof.rules.layer_ops import layer_ops, layer_rows
from infprof.rules.op_inputs import Shape, inputs_of

EIGHT_BITS = ("signed char", "unsigned char")
"""Types as the tracer writes them."""

RESCALE = ("aten::mul", "aten::mul_", "aten::sub", "aten::sub_", "aten::add", "aten::add_")
"""What turns the numbers that were unpacked into weights: a scale, a zero point."""


def weight_unpacking(evidence: Evidence) -> Rows:
    """The casts of 8 bits to the shape of a layer's weight, and what rescales their results: an
    operator on a tensor of that shape right after a cast, or after another rescaling."""
    weights = _weights(evidence)
    casts = _casts(evidence, weights)
    if not len(casts):
        return casts
    rescales = evidence.named(Kind.OP, *RESCALE)
    rescales = rescales[_are_given(evidence, rescales, weights)]
    begins, goes_on = set(casts.tolist()), set(rescales.tolist())
    found, is_unpacking = list[int](), False
    for row in np.sort(evidence.inside(evidence.timeline.outermost_ops)).tolist():
        is_unpacking = row in begins or (is_unpacking and row in goes_on)
        found += [row] * is_unpacking
    return np.array(found, np.intp)


def _weights(evidence: Evidence) -> set[Shape]:
    found = (one.stored_weight for one in layer_ops(evidence, layer_rows(evidence)) if one)
    return {one for one in found if one is not None}


def _casts(evidence: Evidence, weights: set[Shape]) -> Rows:
    """What the program called to cast: the outermost operators."""
    timeline, events = evidence.timeline, evidence.timeline.events
    writes = evidence.named(Kind.OP, "aten::copy_")
    writes = writes[_are_given(evidence, writes, weights, from_eight_bits=True)]
    found = innermost_at(
        events, timeline.outermost_ops, events.lane[writes], events.start_ns[writes]
    )
    return np.unique(found[found >= 0])


def _are_given(
    evidence: Evidence, rows: Rows, shapes: set[Shape], *, from_eight_bits: bool = False
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which ops have a first input of such a shape (and for a cast: a second one of 8 bits)."""
    inputs = [inputs_of(evidence.timeline, row) for row in rows.tolist()]
    return np.array(
        [
            one is not None
            and one.shape(0) in shapes
            and (not from_eight_bits or one.types[1:2] in [(kind,) for kind in EIGHT_BITS])
            for one in inputs
        ],
        np.bool_,
    )
