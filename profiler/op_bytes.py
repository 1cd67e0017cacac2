"""The least bytes that an operator without products must move, from its recorded input shapes.

Each input is read once; the result is written once where its size and type follow from the inputs.
"""

from __future__ import annotations

from math import prod

from infprof.profiler.op_call import OpCall, Shape, Tensor
from infprof.profiler.product_flops import broadcast

ARITHMETIC = frozenset(
    "add sub rsub mul neg abs clamp clamp_min clamp_max minimum maximum where masked_fill relu "
    "remainder fmod sign square bitwise_and bitwise_or bitwise_xor bitwise_not lerp addcmul "
    "__and__ __or__ __xor__ __iand__ __ior__ __ixor__ threshold threshold_backward".split()
)
"""Element by element; the result has the widest type of the inputs."""

REAL = frozenset(
    "div pow sqrt rsqrt reciprocal exp expm1 log log1p log2 log10 sin cos tan tanh atan2 erf "
    "sigmoid gelu silu mish elu softplus leaky_relu hardtanh hardswish hardsigmoid prelu "
    "_prelu_kernel addcdiv tanh_backward sigmoid_backward gelu_backward silu_backward "
    "nan_to_num native_dropout bernoulli".split()
)
"""Element by element; the result's type follows from the inputs only if they are floating."""

COMPARISONS = frozenset(
    "eq ne lt le gt ge logical_and logical_or logical_xor logical_not isnan isinf isfinite".split()
)
"""Element by element; the result is of type ``bool``."""

LIKE_THE_FIRST = frozenset(
    "_softmax _log_softmax native_layer_norm native_group_norm native_batch_norm cudnn_batch_norm "
    "miopen_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training "
    "_batch_norm_with_update _fused_rms_norm _batch_norm_no_update cumsum tril triu flip roll "
    "_softmax_backward_data _log_softmax_backward_data native_layer_norm_backward "
    "cudnn_batch_norm_backward native_batch_norm_backward".split()
)
"""The result has size and type of the first input. Statistics, which are small, are left out."""

READING = frozenset(
    "sum mean amax amin max min argmax argmin prod any all var std var_mean norm "
    "linalg_vector_norm topk sort max_pool2d_with_indices _adaptive_avg_pool2d avg_pool2d "
    "upsample_nearest1d upsample_nearest2d upsample_bilinear2d upsample_bicubic2d "
    "constant_pad_nd nonzero".split()
)
"""The size of the result is an argument that is not recorded, or depends on the data."""

FILLS = frozenset(("fill_", "zero_"))

BOOL_BYTES = 1

ELEMENTWISE = ARITHMETIC | REAL | COMPARISONS
OTHERS = LIKE_THE_FIRST | READING | FILLS | {"copy_", "embedding", "gather"}


def is_known(base: str) -> bool:
    """Whether there is a rule for operators of this name, given without its namespace."""
    return base in OTHERS or _plain(base) in ELEMENTWISE


def family(base: str) -> str:
    """In the words of ``names.kernel_family``."""
    return "copy" if base == "copy_" else "pointwise"


def least_bytes(base: str, call: OpCall) -> int | None:
    """Of an operator called ``base``; ``None`` where there is no rule, or a type is not known."""
    tensors = call.tensors
    sizes = [one.size_bytes for one in tensors]
    known = [one for one in sizes if one is not None]
    if not tensors or call.has_lists or len(known) < len(sizes):
        return None
    read = sum(known)
    if base in FILLS:
        return tensors[0].size_bytes
    if base == "embedding":
        return _embedding(call)
    if base == "gather":
        return _gather(call)
    if base == "copy_" or base in READING:
        return read
    if base in LIKE_THE_FIRST:
        return read + (tensors[0].size_bytes or 0)
    return _elementwise(base, tensors, read) if _plain(base) in ELEMENTWISE else None


def _plain(base: str) -> str:
    """The name without the mark of an operator that overwrites its first input."""
    return base[:-1] if base.endswith("_") and not base.endswith("__") else base


def _elementwise(base: str, tensors: list[Tensor], read: int) -> int | None:
    shape: Shape | None = ()
    for one in tensors:
        shape = None if shape is None else broadcast(shape, one.dims)
    if shape is None:
        return None
    if base != _plain(base):
        return read + (tensors[0].size_bytes or 0)
    return read + prod(shape) * (_result_bytes(base, tensors) or 0)


def _result_bytes(base: str, tensors: list[Tensor]) -> int | None:
    """Of one element of the result: PyTorch's type promotion, as far as it is certain."""
    if base in COMPARISONS:
        return BOOL_BYTES
    deciding = [one for one in tensors if one.dims] or tensors
    widest = [one.item_bytes or 0 for one in deciding if _is_real(one)]
    if widest:
        return max(widest)
    if base in REAL or any(_is_real(one) for one in tensors):
        return None
    return max(one.item_bytes or 0 for one in deciding)


def _is_real(tensor: Tensor) -> bool:
    return tensor.type in ("double", "float") or tensor.type.startswith("c10::")


def _embedding(call: OpCall) -> int | None:
    """The rows that are looked up, each read at most once, and all of them written."""
    table, places = call.tensor(0), call.tensor(1)
    if table is None or places is None or len(table.dims) != 2:
        return None
    row = table.dims[1] * (table.item_bytes or 0)
    return (min(places.elements, table.dims[0]) + places.elements) * row + (places.size_bytes or 0)


def _gather(call: OpCall) -> int | None:
    item, index = call.tensor(0), call.tensor(2)
    if item is None or index is None:
        return None
    return 2 * index.elements * (item.item_bytes or 0) + (index.size_bytes or 0)
