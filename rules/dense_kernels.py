"""In which precision the matrix multiplications, convolutions and attention kernels computed.

A kernel's name tells it, or else the types of the operator that launched it. Where neither does,
the precision is unknown, which is not the same as low or high.
"""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt

from infprof.profiler import names
from infprof.profiler.events import Kind
from infprof.profiler.op_credit import tf32_is_off
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence

DENSE = ("gemm", "conv", "attention")

TYPES = {"double": "fp64", "float": "float", "c10::Half": "fp16", "c10::BFloat16": "bf16"}
"""Tensor types as PyTorch's profiler writes them. ``float`` runs as fp32 or as TF32."""

ENCLOSING_OPS = 8
"""How many operators back to look for the one that launched a kernel: its siblings are few."""


def dense_kernels(evidence: Evidence) -> tuple[Rows, npt.NDArray[np.object_]]:
    """The dense kernels of the explained requests, each with its precision, ``""`` if unknown."""
    rows = evidence.rows(Kind.KERNEL, names.kernel_family, *DENSE)
    precision = evidence.timeline.label(rows, names.kernel_precision)
    family = evidence.timeline.label(rows, names.kernel_family)
    for place in np.flatnonzero(precision == ""):
        precision[place] = _from_op(evidence, int(rows[place]), str(family[place]))
    return rows, precision


def _from_op(evidence: Evidence, kernel: int, family: str) -> str:
    """Precision by the types of the op that launched a kernel."""
    text = _shapes_of_launcher(evidence, kernel)
    if text is None:
        return ""
    precision = _tensor_precision(text)
    if precision == "float":
        return "fp32" if tf32_is_off(evidence.header, family) else ""
    return precision


def _shapes_of_launcher(evidence: Evidence, kernel: int) -> str | None:
    events = evidence.timeline.events
    call = int(evidence.timeline.launch_of[kernel])
    if call < 0:
        return None
    ops = evidence.timeline.by_kind[Kind.OP]
    last = int(np.searchsorted(ops, call))  # rows are in order of start
    for op in ops[max(last - ENCLOSING_OPS, 0) : last][::-1]:
        same = events.lane[op] == events.lane[call] and events.end_ns[op] >= events.end_ns[call]
        if same and events.shapes[op] >= 0:
            return events.shape_names[int(events.shapes[op])]
    return None


def tensor_types(shapes: str) -> list[str]:
    """Types of an op's inputs that are tensors of one dimension or more, from its recorded JSON."""
    try:
        inputs = json.loads(shapes)
    except ValueError:
        return []
    if not isinstance(inputs, dict):
        return []
    pairs = zip(inputs.get("dims") or [], inputs.get("types") or [], strict=False)
    return [str(kind) for dims, kind in pairs if dims]


def _tensor_precision(shapes: str) -> str:
    """The precision common to all floating tensors of an op, ``""`` if there is none."""
    found = {TYPES[kind] for kind in tensor_types(shapes) if kind in TYPES}
    return found.pop() if len(found) == 1 else ""
