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
from infprof.profiler.nesting import innermost_at
from infprof.profiler.op_credit import tf32_is_off
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence

DENSE = ("gemm", "conv", "attention")

TYPES = {"double": "fp64", "float": "float", "c10::Half": "fp16", "c10::BFloat16": "bf16"}
"""Tensor types as PyTorch's profiler writes them. ``float`` runs as fp32 or as TF32."""


def dense_kernels(evidence: Evidence) -> tuple[Rows, npt.NDArray[np.object_]]:
    """The dense kernels of the explained requests, each with its precision, ``""`` if unknown."""
    rows = evidence.rows(Kind.KERNEL, names.kernel_family, *DENSE)
    precision = evidence.timeline.label(rows, names.kernel_precision)
    unknown = precision == ""
    precision[unknown] = _of_launchers(evidence, rows[unknown])
    family = evidence.timeline.label(rows, names.kernel_family)
    for one in DENSE:
        is_float = (precision == "float") & (family == one)
        precision[is_float] = "fp32" if tf32_is_off(evidence.header, one) else ""
    return rows, precision


def _of_launchers(evidence: Evidence, kernels: Rows) -> npt.NDArray[np.object_]:
    """Precision by the types of the operators that launched the kernels."""
    timeline, events = evidence.timeline, evidence.timeline.events
    ops, calls = timeline.by_kind[Kind.OP], timeline.launch_of[kernels]
    ops = ops[events.shapes[ops] >= 0]
    launchers = innermost_at(events, ops, events.lane[calls], events.start_ns[calls])
    shapes = np.where((calls >= 0) & (launchers >= 0), events.shapes[launchers], -1)
    distinct, which = np.unique(shapes, return_inverse=True)
    texts = [events.shape_names[one] if one >= 0 else "" for one in distinct.tolist()]
    return np.array([_tensor_precision(text) for text in texts], object)[which]


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
