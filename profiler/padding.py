"""How much of a batch is padding: the tokens that its attention mask marks as real.

Only three counts are noted. Masks are known by the names of the model's arguments, because the
values alone do not say whether 1 or 0 is real.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from infprof.profiler.host_tensor import Unreadable, is_plain, memory_of, unnoticed

REAL = {"attention_mask": 1, "input_mask": 1, "src_key_padding_mask": 0, "key_padding_mask": 0}
"""Names of masks of the shape (rows, tokens), each with the value of a real token."""

KINDS = ("torch.bool", "torch.uint8", "torch.int32", "torch.int64")

MOST_TOKENS = 32_768
"""A larger mask is not read: 64 rows of 512 tokens take 0.3 ms."""

UNSEEN = -1


class Padding(NamedTuple):
    """What one call of a model is given."""

    tokens: int
    longest: int
    """As many there would be if each row were only as long as the longest; ``UNSEEN`` for a mask
    that is not in the host's memory, here and below."""
    real: int


def padding_of(model: Any, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> Padding | None:
    """``None`` without a mask that goes with another input. The last ``inputs`` are ``named``."""
    masks = [
        (one, REAL[name])
        for name, one in _names(model, inputs, named)
        if name in REAL and is_plain(one)
    ]
    if not masks:
        return None
    try:
        with unnoticed():
            return _of_mask(*masks[0], inputs)
    except Unreadable:
        return None


def _names(model: Any, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The inputs with the names of the arguments that take them, as far as they are known."""
    places = inputs[: len(inputs) - len(named)]
    code = getattr(getattr(type(model), "forward", None), "__code__", None)
    arguments = code.co_varnames[1 : code.co_argcount] if code is not None else ()
    return [*zip(arguments, places, strict=False), *named.items()]


def _of_mask(mask: Any, real: int, inputs: tuple[Any, ...]) -> Padding | None:
    shape, kind = tuple(mask.shape), str(mask.dtype)
    others = (one for one in inputs if one is not mask and is_plain(one))
    if len(shape) != 2 or not any(tuple(one.shape[:2]) == shape for one in others):
        return None  # while a model decodes, the mask is longer than what it is given
    rows, length = shape
    if not 0 < rows * length <= MOST_TOKENS or kind not in KINDS or sys.byteorder != "little":
        return None
    if mask.device.type != "cpu":
        return Padding(rows * length, UNSEEN, UNSEEN)
    return _counted(mask, real, rows, length)


def _counted(mask: Any, real: int, rows: int, length: int) -> Padding | None:
    from ctypes import string_at

    values = string_at(*memory_of(mask))[:: mask.element_size()]
    if values.translate(None, b"\0\1"):
        return None  # no mask after all
    counts = [values.count(real, at, at + length) for at in range(0, len(values), length)]
    return Padding(rows * length, rows * max(counts), sum(counts))
