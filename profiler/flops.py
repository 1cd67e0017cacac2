"""Floating-point operations and least bytes of one operator call, from its recorded input shapes.

A multiply and an add are two operations. Only matrix products, convolutions and attention are
counted, as ``torch.utils.flop_counter`` does; of all else only bytes are known. Those are
the least that must move: each input once, and the result where its size is known. What is not known
is ``None``, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from infprof.profiler import conv_flops, op_bytes, product_flops
from infprof.profiler.op_call import ITEM_BYTES, PRECISIONS, Computed, OpCall, Tensor, op_call

NAMESPACES = ("aten", "aiter", "vllm", "flash_attn")

LARGEST = 1 << 62
"""More than one call can compute or move: its shapes are damaged."""

DENSE = {
    **dict.fromkeys((*product_flops.PRODUCTS, *product_flops.LINEAR), "gemm"),
    **dict.fromkeys((*product_flops.ATTENTION, *product_flops.ATTENTION_BACKWARD), "attention"),
    **dict.fromkeys(conv_flops.NAMES, "conv"),
}
"""Operators that multiply, each with its family in the words of ``names.kernel_family``."""

TOLD_BY_ARGUMENTS = tuple(
    f"aten::{base}" for base in (*conv_flops.DIRECT, *conv_flops.BACKWARD, *product_flops.ATTENTION)
)
"""Operators of which shapes alone do not tell the work: strides, paddings and masks matter. What
records operators should keep their concrete inputs."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one call computes and moves, and the type it computes in."""

    family: str
    flops: int | None
    """``None`` where it is not known, and for what multiplies nothing."""
    size_bytes: int | None
    precision: str | None
    """One of ``op_call.PRECISIONS``: of the factors, which must agree, or of the first input."""


def family_of(name: str) -> str | None:
    """The family of operators of this name; ``None`` where there is no formula for them."""
    space, _, base = name.partition("::")
    if space not in NAMESPACES:
        return None
    return DENSE.get(base) or (op_bytes.family(base) if op_bytes.is_known(base) else None)


def work_of(name: str, inputs: str) -> Work | None:
    """The work of a call by its name and its text in ``Events.shape_names``."""
    family = family_of(name)
    call = None if family is None else op_call(name, inputs)
    if family is None or call is None:
        return None
    base = name.partition("::")[2]
    work = _dense(family, base, call) if base in DENSE else _moved(family, base, call)
    if work is None or max(work.flops or 0, work.size_bytes or 0) >= LARGEST:
        return None
    return work


def _dense(family: str, base: str, call: OpCall) -> Work | None:
    computed = _computed(family, base, call)
    if computed is None:
        return None
    kinds = {one.type for one in call.tensors if one.dims and one.type in PRECISIONS}
    kind = kinds.pop() if len(kinds) == 1 else None
    precision = None if kind is None else PRECISIONS[kind]
    return Work(family, computed.flops, _size(call.tensors, computed, kind), precision)


def _computed(family: str, base: str, call: OpCall) -> Computed | None:
    if family == "conv":
        return conv_flops.computed(base, call)
    if family == "attention":
        return product_flops.attention(base, call)
    return product_flops.product(base, call)


def _size(inputs: list[Tensor], computed: Computed, kind: str | None) -> int | None:
    """Bytes of the inputs, and of the result where its type is the inputs' one."""
    read = [one.size_bytes for one in inputs]
    known = [one for one in read if one is not None]
    if len(known) < len(read):
        return None
    written = 0 if kind is None or computed.result is None else computed.result * ITEM_BYTES[kind]
    return sum(known) + written


def _moved(family: str, base: str, call: OpCall) -> Work | None:
    size_bytes = op_bytes.least_bytes(base, call)
    if size_bytes is None:
        return None
    return Work(family, None, size_bytes, PRECISIONS.get(call.tensors[0].type))
