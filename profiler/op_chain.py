"""Which operators, one after the other, a compiler would run as one, and what that moves at least.

A trace does not tell which tensor is which. Where an operator reads a tensor as large as the one
that was written just before, it is taken to be that one.
"""

from __future__ import annotations

from typing import NamedTuple

from infprof.profiler.op_bytes import least_bytes
from infprof.profiler.op_call import op_call


class Moved(NamedTuple):
    """What one operator moves, in bytes, and the number of elements that it goes through."""

    read: tuple[int, ...]
    written: int
    """0 where the size of the result is not known."""
    elements: int

    @property
    def size_bytes(self) -> int:
        """All of it."""
        return sum(self.read) + self.written

    def hands_on_to(self, other: Moved) -> bool:
        """Whether ``other`` can go on with the result while it is still at hand."""
        same = self.elements == other.elements
        return same and self.written > 0 and self.written in other.read


def moved_by(name: str, inputs: str) -> Moved | None:
    """Of an operator by its name and its text in ``Events.shape_names``; ``None`` where it is not
    known."""
    call, base = op_call(name, inputs), name.partition("::")[2]
    total = None if call is None else least_bytes(base, call)
    if call is None or total is None:
        return None
    sizes = [one.size_bytes or 0 for one in call.tensors]
    largest = max(one.elements for one in call.tensors)
    return Moved(tuple(sizes), max(total - sum(sizes), 0), largest)


def together_bytes(chain: list[Moved]) -> int:
    """Of operators of which each hands on to the next: what none of them writes for another to read
    again."""
    kept = 2 * sum(one.written for one in chain[:-1])
    return sum(one.size_bytes for one in chain) - kept
