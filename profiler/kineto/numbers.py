"""Numbers of a trace file, of whatever type they came, as int64 columns."""

from __future__ import annotations

import re
from decimal import Decimal
from types import NoneType
from typing import Any

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import Int64Array

LATEST_NS = 4 * 10**18
"""No time of a trace is further from zero than this (the year 2096): sums of two fit int64."""
LATEST_US = LATEST_NS // 1000
NUMBER = re.compile(r"\s*[+-]?\d{1,20}(\.\d{0,20})?\s*")

Times = tuple[Int64Array, npt.NDArray[np.bool_]]
"""Integer nanoseconds, and which of the values were times at all (the others are 0)."""


class Microseconds:
    """A column of times that grows by pieces.

    One value that is no plain number makes all floats of the column go the careful way, so that
    where a file is cut into pieces cannot be seen in the result.
    """

    def __init__(self) -> None:
        self.parts: list[npt.NDArray[np.float64] | Times] = []
        self.plain = True

    def add(self, values: list[Any]) -> None:
        """Append values of any types."""
        if set(map(type, values)) <= {int, float, NoneType}:
            self.parts.append(np.array(values, np.float64))
        else:
            self.parts.append(_carefully(values))
            self.plain = False

    def append(self, other: Microseconds) -> None:
        """Append another column."""
        self.parts += other.parts
        self.plain &= other.plain

    def nanoseconds(self) -> Times:
        """All values so far."""
        times = [self._converted(part) for part in self.parts] or [_at_once(np.empty(0))]
        ns, known = zip(*times, strict=True)
        return np.concatenate(ns), np.concatenate(known)

    def _converted(self, part: npt.NDArray[np.float64] | Times) -> Times:
        if isinstance(part, tuple):
            return part
        return _at_once(part) if self.plain else _carefully(part.tolist())


def nanoseconds(microseconds: list[Any]) -> Times:
    """All of one list."""
    column = Microseconds()
    column.add(microseconds)
    return column.nanoseconds()


def _at_once(microseconds: npt.NDArray[np.float64]) -> Times:
    known = np.abs(microseconds) <= LATEST_US  # also False for NaN
    microseconds = np.where(known, microseconds, 0.0)
    whole = np.floor(microseconds)  # apart from the fraction, for the product has too few digits
    fraction = np.rint((microseconds - whole) * 1000)
    return whole.astype(np.int64) * 1000 + fraction.astype(np.int64), known


def _carefully(microseconds: list[Any]) -> Times:
    each = [_nanoseconds(value) for value in microseconds]
    known = np.array([value is not None for value in each], np.bool_)
    return np.array([value or 0 for value in each], np.int64), known


def _nanoseconds(value: Any) -> int | None:
    if isinstance(value, str):
        value = Decimal(value.strip()) if NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    exact = Decimal(value)
    if not exact.is_finite() or exact.copy_abs() > LATEST_US:
        return None
    return int((exact * 1000).to_integral_value())


def whole(values: list[Any]) -> Int64Array:
    """The values as integers; -1 where one is not an integer or does not fit."""
    if not set(map(type, values)) <= {int}:
        values = [value if type(value) is int else _whole(value) for value in values]
    try:
        return np.array(values, np.int64)
    except OverflowError:
        return np.array([value if abs(value) < 1 << 63 else -1 for value in values], np.int64)


def _whole(value: Any) -> int:
    if not isinstance(value, (str, float, Decimal)) or not NUMBER.fullmatch(str(value)):
        return -1
    exact = Decimal(str(value).strip())
    return int(exact) if exact == int(exact) else -1
