"""What an op was given: the shapes and types of its inputs, as the trace wrote them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from infprof.profiler.timeline import Timeline

Shape = tuple[int, ...]


class OpInputs(NamedTuple):
    """One entry per argument; a scalar, a list and an absent tensor have the shape ``()``."""

    dims: tuple[Shape, ...]
    types: tuple[str, ...]

    def shape(self, index: int) -> Shape:
        """Shape of one argument, ``()`` where there is none."""
        return self.dims[index] if index < len(self.dims) else ()


def inputs_of(timeline: Timeline, row: int | np.intp) -> OpInputs | None:
    """The inputs of an op, ``None`` where they were not recorded."""
    index = int(timeline.events.shapes[row])
    return None if index < 0 else _parsed(timeline.events.shape_names[index])


@cache
def _parsed(text: str) -> OpInputs | None:
    try:
        found = json.loads(text)
        dims, types = found["dims"], found.get("types") or []
        return OpInputs(tuple(_shape(one) for one in dims), tuple(str(one) for one in types))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _shape(entry: Any) -> Shape:
    """A tensor's shape; a list of tensors has none of its own."""
    sizes = entry if isinstance(entry, list) else []
    return tuple(sizes) if all(isinstance(size, int) for size in sizes) else ()
