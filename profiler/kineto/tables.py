"""Keys to small numbers, so that what depends only on the key is done once and not per event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Int32Array = npt.NDArray[np.int32]
Key = TypeVar("Key")


class Table(dict[Key, int]):
    """Numbers distinct keys as they come; looking one up that is new makes its number."""

    def __missing__(self, key: Key) -> int:
        number = self[key] = len(self)
        return number

    def column(self, keys: Iterable[Key]) -> Int32Array:
        """The numbers of these keys."""
        return np.array(list(map(self.__getitem__, keys)), np.int32)

    def among(self, column: Int32Array, chosen: list[int]) -> npt.NDArray[np.bool_]:
        """Where a column has one of these numbers; for short columns quicker than ``np.isin``."""
        table = np.zeros(len(self), np.bool_)
        table[chosen] = True
        return table[column]


def in_order_of_sight(column: Int32Array, count: int) -> tuple[Int32Array, list[int]]:
    """The column with its numbers (of ``count``) made anew, and the old ones by the new.

    The first row gets 0, the next that differs 1 and so on; a negative number stays.
    """
    rows = np.flatnonzero(column >= 0)[::-1]  # backwards, for of equal indices the last one stays
    first = np.full(count, len(column))
    first[column[rows]] = rows
    order = np.argsort(first, kind="stable")[: np.count_nonzero(first < len(column))]
    anew = np.empty(count, np.int32)
    anew[order] = np.arange(len(order))
    return np.where(column >= 0, anew[column] if count else -1, -1).astype(np.int32), order.tolist()
