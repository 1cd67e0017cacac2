"""Pruned weights are multiplied by their mask again before each use.

What it looks for:
Products element by element of two tensors that both have the shape of a layer's weight, right
before that layer: the hook of `torch.nn.utils.prune`, which is still there. Two layers or more.

Why it costs time:
A mask only sets weights to zero, and dense kernels multiply by zeros as by any number: unstructured
pruning saves nothing. With the hook in place each use even reads the weight and the mask, and
writes a third tensor of that size.

How to fix it:
`prune.remove(module, "weight")` writes the zeros into the weight for good. For speed, remove whole
channels or heads (structured pruning), use the 2:4 pattern that tensor cores of compute capability
8.0 and later skip, or a smaller model that was distilled.

When to ignore it:
The model is being pruned or fine-tuned right now. Gates that happen to have a weight's shape do not
stand right before two different layers of that shape.

Catalogue: IP-CFB-003
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.layer_ops import layer_ops, layer_rows
from infprof.rules.model_callers import compute_where
from infprof.rules.op_inputs import Shape, inputs_of
from infprof.rules.op_kernels import cost_of

NEEDS: tuple[Need, ...] = ("ops", "shapes")

MIN_LAYERS = 2
"""One product may be the model's own; that two different layers have one each is no accident."""

FIX = Fix(
    text="Write the zeros into the weights once, after pruning.",
    code="""\
from torch.nn.utils import prune

for module in model.modules():               # once, after pruning or loading
    if prune.is_pruned(module):
        for name in ("weight", "bias"):
            if hasattr(module, name + "_mask"):
                prune.remove(module, name)
""",
    risk="The mask is gone afterwards: keep a checkpoint with it if pruning is to go on. Outputs "
    "stay the same.",
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.prune.remove.html",
        "https://docs.pytorch.org/tutorials/advanced/semi_structured_sparse.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the masks that are applied while the model runs."""
    masks, shapes = _masks(evidence)
    if len(shapes) < MIN_LAYERS:
        return
    time_ns, change = cost_of(evidence, masks)
    yield Finding(
        title="Remove the pruning hooks: write the masks into the weights once",
        why=f"Weights are multiplied by a mask {len(masks) / evidence.requests:,.0f} times per "
        f"request, which takes {time_ns / 1e6:.2f} ms of it "
        f"({100 * evidence.share(time_ns):.0f} % of the wall) and spares the layers nothing.",
        stage="compute",
        saving=Saving(0, evidence.saved_ns(time_ns, change), "B", evidence.basis),
        fix=FIX,
        where=compute_where(evidence, masks),
        change=change,
    )


def _masks(evidence: Evidence) -> tuple[Rows, set[Shape]]:
    """Products of two tensors of the shape of the weight of the layer that comes next, and the
    shapes."""
    events, layers = evidence.timeline.events, layer_rows(evidence)
    products = evidence.named(Kind.OP, "aten::mul")
    found, shapes = list[int](), set[Shape]()
    for lane in np.unique(events.lane[products]).tolist():
        mine = layers[events.lane[layers] == lane]
        rows = products[events.lane[products] == lane]
        following = np.searchsorted(events.start_ns[mine], events.start_ns[rows])
        rows, following = rows[following < len(mine)], following[following < len(mine)]
        uses = layer_ops(evidence, mine[following])
        for row, use in zip(rows.tolist(), uses, strict=True):
            inputs = inputs_of(evidence.timeline, row)
            if use is None or inputs is None or len(use.weight) < 2:
                continue
            if inputs.dims[:2] == (use.weight, use.weight):
                found.append(row)
                shapes.add(use.weight)
    return np.array(sorted(found), np.intp), shapes
