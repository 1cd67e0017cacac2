"""The inputs of operators as the trace wrote them: shapes, types and, for some, the arguments."""

from __future__ import annotations

import re

import msgspec
import numpy as np
from msgspec import Raw

from infprof.profiler.interner import Interner
from infprof.profiler.kineto.document import Args
from infprof.profiler.kineto.tables import Int32Array

Texts = tuple[bytes, bytes] | tuple[bytes, bytes, bytes]
"""What the file says of an op's dims and types, empty where it says nothing; and of its concrete
inputs, where they matter."""
ONLY_LISTS_OF_SIZES = re.compile(rb"[\[\], \t\r\n]*(?:\d{1,18}[\[\], \t\r\n]+)*")
WHITESPACE = b" \t\r\n"


class Shapes(dict[Texts, int]):
    """Index into ``described`` of each distinct text, -1 for what is not JSON or not there."""

    def __init__(self) -> None:
        self.described = Interner()
        self.compact: dict[bytes, str | None] = {}

    def of(self, operators: list[Args], telling: list[int]) -> Int32Array:
        """The number of each op's inputs; only the ``telling`` rows have concrete ones."""
        dims = _texts([args.dims for args in operators])
        if not all(dims):
            old = _texts([args.old_dims for args in operators])
            dims = [new or older for new, older in zip(dims, old, strict=True)]
        types = _texts([args.types for args in operators])
        numbers = list(map(self.__getitem__, zip(dims, types, strict=True)))
        for row in telling:
            numbers[row] = self[dims[row], types[row], bytes(operators[row].concrete)]
        return np.array(numbers, np.int32)

    def __missing__(self, texts: Texts) -> int:
        described = self._describe(*texts) if texts[0] else None
        number = self[texts] = -1 if described is None else self.described(described)
        return number

    def _describe(self, dims: bytes, types: bytes, concrete: bytes = b"") -> str | None:
        sizes, kinds = _compact(dims), self._types(types)
        if sizes is None or kinds is None:
            return None
        if not concrete:
            return f'{{"dims":{sizes},"types":{kinds}}}'
        values = _compact(concrete)
        return values and f'{{"dims":{sizes},"types":{kinds},"concrete":{values}}}'

    def _types(self, text: bytes) -> str | None:
        if text not in self.compact:  # few and often
            self.compact[text] = _compact(text or b"[]")
        return self.compact[text]


def _texts(raws: list[Raw]) -> list[bytes]:
    """Their bytes, copied all at once, for that is faster than one by one; JSON has no NUL."""
    return b"\0".join(raws).split(b"\0") if raws else []


def _compact(text: bytes) -> str | None:
    """JSON in the shortest writing; ``None`` for what is not JSON. The text comes of a parser."""
    if ONLY_LISTS_OF_SIZES.fullmatch(text):
        return text.translate(None, WHITESPACE).decode()
    try:
        return msgspec.json.encode(msgspec.json.decode(text)).decode()
    except (ValueError, RecursionError):
        return None
