"""Floating-point operations of matrix products and of fused attention."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from infprof.profiler.op_call import Computed, OpCall, Shape, Tensor

PRODUCTS = {
    "mm": (0, 1), "bmm": (0, 1), "matmul": (0, 1), "_scaled_mm": (0, 1), "_int_mm": (0, 1),
    "addmm": (1, 2), "baddbmm": (1, 2), "_addmm_activation": (1, 2), "addbmm": (1, 2),
    "mv": (0, 1), "dot": (0, 1), "vdot": (0, 1), "addmv": (1, 2),
}  # fmt: skip
"""The places of the left factor and of the right one."""

LINEAR = ("linear", "mkldnn_linear", "gemm_a16w16", "rocm_unquantized_gemm")
"""Their weight is stored output by input; the last two are custom operators of ROCm."""

OTHER_RESULT = ("_scaled_mm", "_int_mm", "addbmm")
"""The result's type is not that of the factors, or its size is not that of the product."""


class Layout(NamedTuple):
    """How a call of fused attention is written."""

    heads_first: bool
    """Batch, heads, length, width; otherwise length comes before heads."""
    causal: int
    """Place of the flag, or number of the mask, that hides what comes later."""
    lengths: int | None = None
    """Place of the lengths of sequences that are packed into one, where there may be such."""


ATTENTION = {
    "scaled_dot_product_attention": Layout(True, 5),
    "_scaled_dot_product_flash_attention": Layout(True, 4),
    "_scaled_dot_product_flash_attention_for_cpu": Layout(True, 4),
    "_scaled_dot_product_efficient_attention": Layout(True, 6),
    "_scaled_dot_product_cudnn_attention": Layout(True, 6),
    "_scaled_dot_product_fused_attention_overrideable": Layout(True, 5),
    "_flash_attention_forward": Layout(False, 8, 3),
    "_efficient_attention_forward": Layout(False, 9, 4),
    "_flash_attn_forward": Layout(False, 5),
}
"""The signatures of ``native_functions.yaml``; the last is the package flash-attn's."""

ATTENTION_BACKWARD = (
    "_scaled_dot_product_flash_attention_backward",
    "_scaled_dot_product_efficient_attention_backward",
    "_scaled_dot_product_cudnn_attention_backward",
)
"""Query, key and value follow the gradient of the output."""

BOTTOM_RIGHT = "2"
"""The mask of ``_efficient_attention_forward`` in which the last row sees everything."""


def product(base: str, call: OpCall) -> Computed | None:
    """Of a matrix product; vectors and batches, broadcast ones too, as ``torch.matmul`` has it."""
    places = (0, 1) if base in LINEAR else PRODUCTS[base]
    left, right = (call.tensor(place) for place in places)
    if left is None or right is None or not left.dims or not right.dims:
        return None
    b = right.dims[::-1] if base in LINEAR and len(right.dims) <= 2 else right.dims
    a = left.dims if len(left.dims) > 1 else (1, *left.dims)
    b = b if len(b) > 1 else (*b, 1)
    batch = broadcast(a[:-2], b[:-2])
    if batch is None or a[-1] != b[-2]:
        return None
    result = prod(batch) * a[-2] * b[-1]
    return Computed(2 * result * a[-1], None if base in OTHER_RESULT else result)


def attention(base: str, call: OpCall) -> Computed | None:
    """Of fused attention. What a causal mask hides is not counted where the mask is recorded."""
    if base in ATTENTION_BACKWARD:
        query, key, value = (call.tensor(place) for place in (1, 2, 3))
        sizes = _sizes(query, key, value, heads_first=True)
        if sizes is None:
            return None
        flops = 2 * sizes.heads * sizes.queries * sizes.keys * (3 * sizes.width + 2 * sizes.out)
        return Computed(flops, None)
    layout = ATTENTION[base]
    if layout.lengths is not None and call.has(layout.lengths):
        return None
    query, key, value = (call.tensor(place) for place in (0, 1, 2))
    sizes = _sizes(query, key, value, layout.heads_first)
    if sizes is None:
        return None
    pairs = _pairs(call, layout.causal, sizes.queries, sizes.keys)
    flops = 2 * sizes.heads * pairs * (sizes.width + sizes.out)
    return Computed(flops, sizes.heads * sizes.queries * sizes.out)


class Sizes(NamedTuple):
    """Of one attention; ``heads`` of all items of the batch."""

    heads: int
    queries: int
    keys: int
    width: int
    out: int


def _sizes(
    query: Tensor | None, key: Tensor | None, value: Tensor | None, heads_first: bool
) -> Sizes | None:
    """``None`` for shapes that do not fit one another."""
    if query is None or key is None or value is None:
        return None
    q, k, v = (_heads_first(one.dims, heads_first) for one in (query, key, value))
    if min(len(q), len(k), len(v)) < 3 or q[-1] != k[-1] or k[-2] != v[-2]:
        return None
    return Sizes(prod(q[:-2]), q[-2], k[-2], q[-1], v[-1])


def _heads_first(dims: Shape, is_so: bool) -> Shape:
    if is_so:
        return dims
    return (dims[0], dims[2], dims[1], dims[3]) if len(dims) == 4 else ()


def _pairs(call: OpCall, causal: int, queries: int, keys: int) -> int:
    """Of a query and a key that it may see; all where no mask is recorded."""
    mask = call.concrete[causal] if causal < len(call.concrete) else ""
    if mask == BOTTOM_RIGHT and queries <= keys:
        return queries * (keys - queries) + queries * (queries + 1) // 2
    if mask not in ("True", "1"):
        return queries * keys
    seen = min(queries, keys)
    return seen * (seen + 1) // 2 + (queries - seen) * keys


def broadcast(a: Shape, b: Shape) -> Shape | None:
    """The common shape of two, ``None`` where they have none."""
    if a == b or not a or not b:
        return a or b
    longest = max(len(a), len(b))
    a, b = (1,) * (longest - len(a)) + a, (1,) * (longest - len(b)) + b
    pairs = list(zip(a, b, strict=True))
    if any(x != y and 1 not in (x, y) for x, y in pairs):
        return None
    return tuple(y if x == 1 else x for x, y in pairs)
