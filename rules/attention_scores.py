"""Matrices of attention scores that are made, passed over and used by operators of their own.

Three operators tell them: a product that makes a matrix of queries by keys for each head, a softmax
of that very shape, and a product that takes it. Fused kernels make no such matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence
from infprof.rules.op_inputs import OpInputs, Shape, inputs_of

SOFTMAX = "aten::_softmax"

PRODUCTS = {"aten::bmm": 0, "aten::baddbmm": 1}
"""Batched products, with the place of their left factor."""

BY_PICTURE = 5
"""Dimensions of scores as some models add a bias to them: by rows and columns of a picture. With
fewer, another tensor may well have as many elements."""


@dataclass(frozen=True, slots=True)
class AttentionScores:
    """Which matrices there are, and the ops that work on them."""

    shapes: frozenset[Shape]
    """All heads, queries, keys."""
    softmaxes: Rows
    passes: Rows
    """All ops but products that are given a matrix of scores, the softmaxes among them."""
    products: Rows
    """Batched products that make such a matrix or take it."""


def attention_scores(evidence: Evidence, min_positions: int) -> AttentionScores | None:
    """The matrices of so many queries and keys or more, ``None`` if there are none."""
    shapes = _shapes(evidence, min_positions)
    if not shapes:
        return None
    sizes = {prod(one) for one in shapes}

    def is_given(inputs: OpInputs) -> bool:
        return any(
            _by_head(one) in shapes or (len(one) >= BY_PICTURE and prod(one) in sizes)
            for one in inputs.dims
        )

    ops = evidence.rows(Kind.OP)
    passes = ops[evidence.timeline.label(ops, _multiplies) == ""]
    return AttentionScores(
        shapes,
        _given(evidence, evidence.named(Kind.OP, SOFTMAX), is_given),
        _given(evidence, passes, is_given),
        np.sort(np.concatenate([_products(evidence, name, shapes) for name in PRODUCTS])),
    )


def _products(evidence: Evidence, name: str, shapes: frozenset[Shape]) -> Rows:
    def is_given(inputs: OpInputs) -> bool:
        return not shapes.isdisjoint(_of_product(inputs, PRODUCTS[name]))

    return _given(evidence, evidence.named(Kind.OP, name), is_given)


def _shapes(evidence: Evidence, min_positions: int) -> frozenset[Shape]:
    """What a softmax takes, a product makes, and another product takes."""
    softmaxes = _distinct(evidence, evidence.named(Kind.OP, SOFTMAX))
    taken = {_by_head(inputs.shape(0)) for inputs in softmaxes}
    large = {one for one in taken if one and min(one[1:]) >= min_positions}
    made, used = set[Shape](), set[Shape]()
    for name, place in PRODUCTS.items():
        for inputs in _distinct(evidence, evidence.named(Kind.OP, name)) if large else []:
            result, left = _of_product(inputs, place)
            made.add(result)
            used.add(left)
    return frozenset(large & made & used)


def _multiplies(name: str) -> str | None:
    return "yes" if name.startswith(("aten::bmm", "aten::baddbmm", "aten::matmul")) else None


def _of_product(inputs: OpInputs, place: int) -> tuple[Shape, Shape]:
    """The shapes of a batched product's result and of its left factor, ``()`` if it is none."""
    left, right = inputs.shape(place), inputs.shape(place + 1)
    return ((left[0], left[1], right[2]), left) if len(left) == len(right) == 3 else ((), ())


def _by_head(dims: Shape) -> Shape:
    """A tensor of three dimensions or more with all but the last two as one; else ``()``."""
    return (prod(dims[:-2]), *dims[-2:]) if len(dims) >= 3 else ()


def _given(evidence: Evidence, rows: Rows, accepts: Callable[[OpInputs], bool]) -> Rows:
    """The rows whose inputs are accepted; each kind of inputs is asked for once."""
    shapes = evidence.timeline.events.shapes[rows]
    table = np.zeros(len(evidence.timeline.events.shape_names) + 1, np.bool_)
    each, first = np.unique(shapes, return_index=True)
    for index, row in zip(each.tolist(), rows[first].tolist(), strict=True):
        inputs = inputs_of(evidence.timeline, row)
        table[index] = inputs is not None and accepts(inputs)
    chosen: Rows = rows[table[shapes]]
    return chosen


def _distinct(evidence: Evidence, rows: Rows) -> list[OpInputs]:
    """What these ops were given, each kind once."""
    _, first = np.unique(evidence.timeline.events.shapes[rows], return_index=True)
    found = [inputs_of(evidence.timeline, row) for row in rows[first].tolist()]
    return [one for one in found if one is not None]
