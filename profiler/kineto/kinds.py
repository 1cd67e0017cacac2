"""What kind of row an event is, by its category and its name."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import numpy.typing as npt

from infprof.profiler.events import Kind
from infprof.profiler.kineto.tables import Int32Array, Table

OTHER, COUNTERS, FRAME, NOTHING = -1, -2, -3, -4
"""In place of a ``Kind``: a category that is none of ours, of hardware counters, of the tracer's
own marks, and none at all."""
KINDS = {
    "cpu_op": Kind.OP, "operator": Kind.OP, "user_annotation": Kind.RANGE,
    "kernel": Kind.KERNEL, "gpu_memcpy": Kind.COPY, "memcpy": Kind.COPY,
    "gpu_memset": Kind.MEMSET, "memset": Kind.MEMSET, "cuda_sync": Kind.SYNC,
    "python_function": Kind.PYTHON, "overhead": Kind.OVERHEAD, "runtime": Kind.CALL,
}  # fmt: skip
"""By category in lower case. ``gpu_user_annotation`` is no device work but a shadow of ranges."""
EXACTLY = {"cuda_profiler_range": COUNTERS, "Trace": FRAME, "": NOTHING}
LOWEST = min(OTHER, COUNTERS, FRAME, NOTHING)
CALLS = ("_runtime", "_driver")
RANGES = ("infprof:", "ProfilerStep#", "enumerate(DataLoader)#", "Optimizer.")
"""Names of ranges that some versions record in the category of operators."""


def among(kinds: Collection[int]) -> npt.NDArray[np.bool_]:
    """A table of which kinds are of these; negative marks index it from its end."""
    table = np.zeros(len(Kind) - LOWEST, np.bool_)
    table[list(kinds)] = True
    return table


class Kinds(dict[str, int]):
    """The kind of each category, worked out when it is first looked up."""

    def __missing__(self, category: str) -> int:
        kind = EXACTLY.get(category, OTHER)
        if kind == OTHER:
            lower = category.lower()
            kind = KINDS.get(lower, Kind.CALL if lower.endswith(CALLS) else OTHER)
        self[category] = int(kind)  # numpy is slow with enumerations
        return int(kind)

    def column(self, categories: Iterable[str]) -> npt.NDArray[np.int8]:
        """The kinds of these categories."""
        return np.array(list(map(self.__getitem__, categories)), np.int8)


class Names(Table[str]):
    """Numbers of names; ``ranges`` are those of names that make an operator a range."""

    def __init__(self) -> None:
        self.ranges: list[int] = []

    def __missing__(self, key: str) -> int:
        number = super().__missing__(key)
        if key.startswith(RANGES):
            self.ranges.append(number)
        return number

    def part(self, column: Int32Array, kind: npt.NDArray[np.int8]) -> None:
        """Turn the operators in ``kind`` that are ranges by name into such, in place."""
        if self.ranges:
            kind[(kind == Kind.OP) & self.among(column, self.ranges)] = Kind.RANGE
