"""Values of settings, wherever they are given: checked, with one line of what is wrong."""

from __future__ import annotations

import math

from infprof.profiler.bad_input import BadInput


def above_0(value: object, place: str) -> float:
    """A time or a price."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise BadInput(f"{place}: must be a number above 0")
    return float(value)


def count(value: object, place: str) -> int:
    """How many of something."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadInput(f"{place}: must be a whole number from 0 up")
    return value


def flag(value: object, place: str) -> bool:
    """Whether something is so."""
    if not isinstance(value, bool):
        raise BadInput(f"{place}: must be true or false")
    return value


def names(value: object, place: str, kind: str, example: str) -> tuple[str, ...]:
    """A list of names, of whatever ``kind``."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadInput(f'{place}: must be a list of {kind}, as in ["{example}"]')
    return tuple(value)


def table(value: object, place: str, example: str) -> dict[str, object]:
    """Names with values."""
    if not isinstance(value, dict):
        raise BadInput(f"{place}: must be a table, as in {example}")
    return value
