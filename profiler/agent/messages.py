"""What an agent and who asks it say to each other: one line of JSON each.

``{"version", "seconds", "plan", "most_bytes"}`` asks for a recording. The answer is ``{"refused":
why}``, or ``{"recording": true}`` together with a descriptor of the folder that the raw files go
to, and at the end ``{"ended": why}``. Then who asked copies the files and hangs up, and the agent
removes the folder. As a descriptor outlives its sender, what a killed program left can be read too.
Who asked ends the recording early by closing its half of the connection.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

from infprof.profiler.schedule import Plan

VERSION = 1

LONGEST = 8192
"""Bytes of a line."""

MOST_SECONDS, MOST_BYTES = 3600.0, 4 << 30
"""Of one recording."""

ATTACHED = Plan(warmup=0, plain=10, window=4, windows=3)
"""A program that runs already has no cold request, and is warm."""

LIMITS = {
    "warmup": 10_000,
    "plain": 1_000_000,
    "window": 1_000,
    "windows": 100,
    "window_seconds": 60,
}
"""Of a plan: tracing for longer would fill the program's memory."""

TIME, SIZE, HUNG_UP, EXIT = "time", "size", "hung up", "exit"
"""Why a recording ended."""


class Refused(Exception):
    """The agent does not do it; the message says why, in one plain clause."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted."""

    seconds: float
    plan: Plan
    most_bytes: int
    """The recording ends early once the raw files are larger."""


def line_of(**values: Any) -> bytes:
    """A message."""
    return json.dumps(values).encode() + b"\n"


def line_of_order(order: Order) -> bytes:
    """The message that asks for a recording."""
    plan = {one.name: getattr(order.plan, one.name) for one in fields(Plan)}
    return line_of(version=VERSION, seconds=order.seconds, plan=plan, most_bytes=order.most_bytes)


def values_in(line: bytes) -> dict[str, Any]:
    """Of a message. Raises ``ValueError``."""
    try:
        values = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(values, dict):
        raise ValueError("not an object")
    return values


def order_in(line: bytes) -> Order:
    """What a message asks for. Raises ``Refused``."""
    try:
        values = values_in(line)
    except ValueError:
        raise Refused("it does not understand the question") from None
    if values.get("version") != VERSION:
        raise Refused(f"it speaks version {VERSION} of our language: use the same infprof")
    given = values.get("plan")
    if not isinstance(given, dict) or given.keys() - LIMITS.keys():
        raise Refused("the plan has unknown fields")
    plan = {name: _number(given, name, 0, LIMITS[name]) for name in given}
    whole = {
        name: value if name == "window_seconds" else int(value) for name, value in plan.items()
    }
    return Order(
        seconds=_number(values, "seconds", 0, MOST_SECONDS),
        plan=Plan(**whole),  # type: ignore[arg-type]
        most_bytes=int(_number(values, "most_bytes", 1, MOST_BYTES)),
    )


def _number(values: dict[str, Any], name: str, least: float, most: float) -> float:
    value = values.get(name)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise Refused(f"{name} must be a number from {least:g} to {most:g}")


def shown(text: object) -> str:
    """What the other side said, fit for a terminal."""
    return "".join(one for one in str(text)[:300] if one.isprintable())
