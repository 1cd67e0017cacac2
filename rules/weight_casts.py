"""The casts that turn a layer's float32 weights to 16 bits inside the layer's operator, as autocast
makes them at each call."""

from __future__ import annotations

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.nesting import innermost_at
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence
from infprof.rules.layer_ops import layer_ops, layer_rows
from infprof.rules.op_inputs import Shape, inputs_of

NARROWS = (("c10::Half", "float"), ("c10::BFloat16", "float"))
"""Types of what a cast writes and reads."""


def casts_of_weights(evidence: Evidence) -> Rows:
    """The ops that cast a parameter to 16 bits within a layer's operator."""
    events, layers = evidence.timeline.events, layer_rows(evidence)
    writes = evidence.named(Kind.OP, "aten::copy_")
    owners = innermost_at(events, layers, events.lane[writes], events.start_ns[writes])
    writes, owners = writes[owners >= 0], owners[owners >= 0]
    narrows = [
        layer is not None and _narrowed(evidence, write) in (layer.weight, (layer.out_width,))
        for write, layer in zip(writes.tolist(), layer_ops(evidence, owners), strict=True)
    ]
    writes = writes[np.array(narrows, np.bool_)]
    asked = evidence.named(Kind.OP, "aten::to")
    outer = innermost_at(events, asked, events.lane[writes], events.start_ns[writes])
    return np.unique(np.where(outer >= 0, outer, writes)).astype(np.intp)


def _narrowed(evidence: Evidence, write: int) -> Shape | None:
    """The shape of what was cast from float32 to 16 bits; ``None`` for any other copy."""
    inputs = inputs_of(evidence.timeline, write)
    return inputs.shape(0) if inputs is not None and inputs.types[:2] in NARROWS else None
