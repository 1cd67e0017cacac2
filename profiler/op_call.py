"""One operator call as the trace wrote it: its tensors, and its other arguments where recorded."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import msgspec

Shape = tuple[int, ...]

ITEM_BYTES = {
    "double": 8, "float": 4, "c10::Half": 2, "c10::BFloat16": 2,
    "c10::Float8_e4m3fn": 1, "c10::Float8_e5m2": 1, "c10::Float8_e4m3fnuz": 1,
    "c10::Float8_e5m2fnuz": 1, "c10::complex<float>": 8, "c10::complex<double>": 16,
    "long int": 8, "long": 8, "int": 4, "short int": 2, "signed char": 1, "unsigned char": 1,
    "bool": 1,
}  # fmt: skip
"""Bytes of one element by the type's name as PyTorch's profiler writes it (C++ names; ``long`` in
traces of PyTorch before 1.9)."""

PRECISIONS = {
    "double": "fp64", "float": "float", "c10::Half": "fp16", "c10::BFloat16": "bf16",
    "c10::Float8_e4m3fn": "fp8", "c10::Float8_e5m2": "fp8", "c10::Float8_e4m3fnuz": "fp8",
    "c10::Float8_e5m2fnuz": "fp8", "signed char": "int8",
}  # fmt: skip
"""In what a matrix product of such tensors computes. ``float`` computes in fp32 or in TF32."""

LONGEST_DIMENSION = 1 << 62
"""A longer one is a damaged trace: not even its bytes could be addressed."""


class Tensor(NamedTuple):
    """A tensor argument. ``()`` is a tensor of one element without dimensions."""

    dims: Shape
    type: str
    item_bytes: int | None
    """Bytes of one element, ``None`` for a type that is not known."""

    @property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.dims)

    @property
    def size_bytes(self) -> int | None:
        """Bytes of all elements, each once: of an expanded tensor more than it has in memory."""
        return None if self.item_bytes is None else prod(self.dims) * self.item_bytes


class Computed(NamedTuple):
    """What a call computes."""

    flops: int
    result: int | None
    """Elements of its result, ``None`` where that is not known."""


@dataclass(frozen=True, slots=True)
class OpCall:
    """An operator's name and arguments by their place in its signature."""

    name: str
    arguments: tuple[Tensor | None, ...]
    """``None`` for what is absent, a scalar, a list or not known."""
    types: tuple[Any, ...]
    concrete: tuple[Any, ...]
    """The values of arguments that are no tensors, as text; empty where they were not recorded."""

    def tensor(self, place: int) -> Tensor | None:
        """The tensor at a place of the signature."""
        return self.arguments[place] if place < len(self.arguments) else None

    @property
    def tensors(self) -> list[Tensor]:
        """All tensor arguments, in order."""
        return [one for one in self.arguments if one is not None]

    @property
    def has_lists(self) -> bool:
        """Whether some argument is a list of tensors, whose types the profiler does not write."""
        return "TensorList" in self.types

    def has(self, place: int) -> bool:
        """Whether the call was given something at a place that may be empty."""
        return place < len(self.types) and self.types[place] != ""

    def sizes(self, place: int, length: int) -> Shape | None:
        """A recorded list of integers of this length, as strides are; one integer stands for all of
        them. ``None`` where it was not recorded or is no such list."""
        found = self._value(place)
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        numbers = [found] * length if isinstance(found, int) else found
        if not isinstance(numbers, list) or len(numbers) != length:
            return None
        return tuple(numbers) if _are_sizes(numbers) else None

    def flag(self, place: int) -> bool | None:
        """A recorded truth value, ``None`` where it was not recorded."""
        found = self.concrete[place] if 0 <= place < len(self.concrete) else None
        return {"True": True, "False": False}.get(found) if isinstance(found, str) else None

    def flags(self, place: int) -> tuple[bool, ...] | None:
        """A recorded list of truth values."""
        text = self.concrete[place] if place < len(self.concrete) else None
        words = text.strip("[]").split(", ") if isinstance(text, str) else []
        known = bool(words) and all(word in ("True", "False") for word in words)
        return tuple(word == "True" for word in words) if known else None

    def _value(self, place: int) -> Any:
        text = self.concrete[place] if place < len(self.concrete) else None
        try:
            return msgspec.json.decode(text) if isinstance(text, str) and text else None
        except (ValueError, RecursionError):
            return None


def op_call(name: str, inputs: str) -> OpCall | None:
    """The call that ``Events.shape_names`` describes; ``None`` for a text that is none."""
    try:
        found = msgspec.json.decode(inputs)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    parts = [found.get(key) or [] for key in ("dims", "types", "concrete")]
    if not all(isinstance(part, list) for part in parts):
        return None
    dims, types, concrete = parts
    arguments = tuple(map(_tensor, dims, types))
    return OpCall(name, arguments, tuple(types), tuple(concrete))


def _tensor(dims: Any, kind: Any) -> Tensor | None:
    if not isinstance(kind, str) or not isinstance(dims, list):
        return None
    if not dims:
        return Tensor((), kind, ITEM_BYTES[kind]) if kind in ITEM_BYTES else None
    return Tensor(tuple(dims), kind, ITEM_BYTES.get(kind)) if _are_sizes(dims) else None


def _are_sizes(values: list[Any]) -> bool:
    whole = all(type(value) is int for value in values)
    return whole and min(values) >= 0 and max(values) < LONGEST_DIMENSION
