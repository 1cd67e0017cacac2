"""The ops that carry a model's weights, read from their shapes: what goes in, what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from infprof.profiler.events import Kind
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence
from infprof.rules.op_inputs import OpInputs, Shape, inputs_of

CONVOLUTIONS = {
    "aten::conv1d": 1, "aten::conv2d": 2, "aten::conv3d": 3,
    "aten::convolution": None, "aten::_convolution": None,
}  # fmt: skip
"""Each with its number of spatial dimensions where the name tells."""

PRODUCTS = {"aten::mm": (0, 1), "aten::matmul": (0, 1), "aten::bmm": (0, 1), "aten::addmm": (1, 2)}
"""Ops that multiply two matrices; the places of the left and of the right one."""

LAYERS = (*CONVOLUTIONS, *PRODUCTS, "aten::linear", "aten::embedding")


@dataclass(frozen=True, slots=True)
class LayerOp:
    """One use of a layer. ``item`` is the input that has the batch dimension."""

    name: str
    item: Shape
    weight: Shape
    """As stored, but for a bare matrix product: input by output."""
    out_width: int
    """Channels of a convolution's output, last dimension of any other's."""
    batched_rank: int | None
    """Rank of an input with a batch dimension; ``None`` where any rank from 2 on has one."""

    @property
    def is_convolution(self) -> bool:
        return self.name in CONVOLUTIONS

    @property
    def is_embedding(self) -> bool:
        return self.name == "aten::embedding"

    @property
    def stored_weight(self) -> Shape | None:
        """Shape of the model's parameter; ``None`` where both factors may be activations."""
        if self.name in ("aten::bmm", "aten::matmul"):
            return None
        return self.weight[::-1] if self.name in PRODUCTS else self.weight

    @property
    def in_width(self) -> int:
        """Channels of a convolution's input, last dimension of any other's."""
        from_end = (len(self.weight) - 1) if self.is_convolution else 1
        return self.item[-from_end] if len(self.item) >= from_end > 0 else 0

    @property
    def batch(self) -> int:
        """How many items went in at once; an input without a batch dimension is one."""
        rank = self.batched_rank or 2
        return self.item[0] if len(self.item) >= rank else 1

    @property
    def in_size(self) -> int:
        return prod(self.item)

    @property
    def out_size(self) -> int:
        """Elements that come out; of a convolution, as if its stride were 1."""
        return self.in_size // max(self.in_width, 1) * self.out_width

    @property
    def flops(self) -> int:
        """Floating point operations; of a convolution, as if its stride were 1."""
        if self.is_embedding:
            return 0
        if self.is_convolution:
            return 2 * self.in_size // max(self.in_width, 1) * prod(self.weight)
        return 2 * self.in_size * self.out_width


def layer_rows(evidence: Evidence) -> Rows:
    """The layers' ops within the explained requests, each once: not the ops they call inside."""
    rows = evidence.rows(Kind.OP, lambda name: "yes" if name in LAYERS else None, "yes")
    return evidence.timeline.outermost(rows)


def layer_ops(evidence: Evidence, rows: Rows) -> list[LayerOp | None]:
    """Each row as a layer; ``None`` where its shapes are unknown or not those of a layer."""
    timeline = evidence.timeline
    parsed: dict[tuple[int, int], LayerOp | None] = {}
    found = []
    for row in rows.tolist():
        key = (int(timeline.events.name[row]), int(timeline.events.shapes[row]))
        if key not in parsed:
            parsed[key] = _layer(timeline.name(row), inputs_of(timeline, row))
        found.append(parsed[key])
    return found


def _layer(name: str, inputs: OpInputs | None) -> LayerOp | None:
    if inputs is None:
        return None
    if name == "aten::embedding":
        weight, item = inputs.shape(0), inputs.shape(1)
        return LayerOp(name, item, weight, weight[-1], None) if len(weight) == 2 else None
    left, right = PRODUCTS.get(name, (0, 1))
    item, weight = inputs.shape(left), inputs.shape(right)
    if not item or len(weight) < 2:
        return None
    if name in CONVOLUTIONS:
        spatial = CONVOLUTIONS[name] or len(weight) - 2
        return LayerOp(name, item, weight, weight[0], spatial + 2)
    return LayerOp(name, item, weight, weight[0 if name == "aten::linear" else -1], None)
