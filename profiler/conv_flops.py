"""Floating-point operations of convolutions: the output's size follows from stride and padding.

Where those were not recorded the output's size is not known, and so neither are the operations; of
a transposed convolution, and of one whose result is among its arguments, they are known anyway.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from infprof.profiler.op_call import Computed, OpCall, Shape


class Places(NamedTuple):
    """Where an operator's signature has what decides the output's size (PyTorch's
    ``native_functions.yaml``); ``None``: it has none, which counts as 1."""

    stride: int
    padding: int
    dilation: int | None
    transposed: int | None = None


DIRECT = {
    "conv1d": Places(3, 4, 5), "conv2d": Places(3, 4, 5), "conv3d": Places(3, 4, 5),
    "convolution": Places(3, 4, 5, 6), "_convolution": Places(3, 4, 5, 6),
    "convolution_overrideable": Places(3, 4, 5, 6),
    "cudnn_convolution": Places(3, 2, 4), "cudnn_convolution_relu": Places(3, 4, 5),
    "miopen_convolution": Places(4, 3, 5), "miopen_depthwise_convolution": Places(4, 3, 5),
    "miopen_convolution_relu": Places(3, 4, 5),
    "mkldnn_convolution": Places(4, 3, 5),
    "thnn_conv2d": Places(4, 5, None), "_slow_conv2d_forward": Places(4, 5, None),
    "slow_conv3d": Places(4, 5, None), "slow_conv3d_forward": Places(4, 5, None),
    "_conv_depthwise2d": Places(4, 5, 6), "conv_depthwise3d": Places(4, 5, 6),
}  # fmt: skip

TRANSPOSED = (
    "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "cudnn_convolution_transpose",
    "miopen_convolution_transpose", "slow_conv_transpose2d", "slow_conv_transpose3d",
)  # fmt: skip

WITH_RESULT = ("cudnn_convolution_add_relu", "miopen_convolution_add_relu")
"""Their third argument is added to the result, so it has its shape."""

BACKWARD = {"convolution_backward": 10}
"""By the place of the mask that says which gradients are wanted: input, weight, bias."""

NAMES = frozenset({*DIRECT, *TRANSPOSED, *WITH_RESULT, *BACKWARD})


def computed(base: str, call: OpCall) -> Computed | None:
    """Of a convolution called ``base`` (without namespace); ``None`` where the size is not known.

    Two operations for each product of a weight and an input that goes into an output; padding is
    not discounted.
    """
    if base in BACKWARD:
        return _backward(call, BACKWARD[base])
    item, weight = call.tensor(0), call.tensor(1)
    if item is None or weight is None or len(weight.dims) < 3:
        return None
    rank = len(weight.dims) - 2
    if len(item.dims) - rank not in (1, 2):
        return None
    batch = item.dims[0] if len(item.dims) - rank == 2 else 1
    is_transposed = _is_transposed(base, call)
    if is_transposed is None:
        return None
    if is_transposed:
        return Computed(2 * batch * prod(item.dims[-rank:]) * weight.elements, None)
    out = _out(base, call, item.dims[-rank:], weight.dims[2:])
    if out is None:
        return None
    return Computed(2 * batch * prod(out) * weight.elements, batch * weight.dims[0] * prod(out))


def _is_transposed(base: str, call: OpCall) -> bool | None:
    place = DIRECT[base].transposed if base in DIRECT else None
    return base in TRANSPOSED if place is None else call.flag(place)


def _out(base: str, call: OpCall, spatial: Shape, kernel: Shape) -> Shape | None:
    """The output's spatial dimensions."""
    rank, ones = len(spatial), (1,) * len(spatial)
    if base in WITH_RESULT:
        result = call.tensor(2)
        return result.dims[-rank:] if result is not None and len(result.dims) > rank else None
    places = DIRECT[base]
    stride, padding = call.sizes(places.stride, rank), call.sizes(places.padding, rank)
    dilation = ones if places.dilation is None else call.sizes(places.dilation, rank)
    if stride is None or padding is None or dilation is None or 0 in stride:
        return None
    rows = zip(spatial, kernel, stride, padding, dilation, strict=True)
    out = tuple((n + 2 * pad - wide * (k - 1) - 1) // step + 1 for n, k, step, pad, wide in rows)
    return out if min(out) >= 0 else None


def _backward(call: OpCall, mask: int) -> Computed | None:
    """Each gradient that is wanted, of the input and of the weight, costs what forward did."""
    gradient, item, weight = call.tensor(0), call.tensor(1), call.tensor(2)
    wanted, transposed = call.flags(mask), call.flag(7)
    if gradient is None or item is None or weight is None or wanted is None or transposed is None:
        return None
    if len(gradient.dims) != len(weight.dims) or len(wanted) != 3:
        return None
    out = item if transposed else gradient
    forward = 2 * out.dims[0] * prod(out.dims[2:]) * weight.elements
    results = [one.elements for one, want in zip((item, weight), wanted, strict=False) if want]
    return Computed(forward * len(results), sum(results))
