"""Which thread or stream each event of a Kineto trace belongs to."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from infprof.profiler.kineto.document import Event
from infprof.profiler.recording import Lane

Id = int | str
Key = tuple[bool, Id, Id]
"""Whether it is a stream; process or device; thread or stream."""
NUMBERED = re.compile(r"\s*(?:stream\s+)?(-?\d{1,18})\s*")


def id_of(value: Any) -> Id:
    """A process, thread, device or stream as number, though old traces write ``"stream 7"``."""
    if isinstance(value, int):
        return value
    found = NUMBERED.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) if found else value if isinstance(value, str) else ""


def lane_names(events: list[Event]) -> dict[tuple[Any, Any], str]:
    """Names that the trace gives to threads, and under ``(process, None)`` to processes."""
    found: dict[tuple[Any, Any], str] = {}
    for event in events:
        if event.ph == "M" and isinstance(event.args.name, str):
            process = id_of(event.pid)
            if event.name == "thread_name":
                found[process, id_of(event.tid)] = event.args.name.strip()
            elif event.name == "process_name":
                found[process, None] = event.args.name.strip()
    return found


def lanes_of(
    events: list[Event], on_device: npt.NDArray[np.bool_], names: dict[tuple[Any, Any], str]
) -> tuple[npt.NDArray[np.int32], list[Lane]]:
    """Each event's lane, and the lanes in order of first sight."""
    index: dict[Key, int] = {}
    column = np.empty(len(events), np.int32)
    for row, (event, stream) in enumerate(zip(events, on_device.tolist(), strict=True)):
        place, number = event.pid, event.tid
        if stream:
            place = place if event.args.device is None else event.args.device
            number = number if event.args.stream is None else event.args.stream
        if type(place) is not int or type(number) is not int:
            place, number = id_of(place), id_of(number)
        column[row] = index.setdefault((stream, place, number), len(index))
    return column, [_lane(key, position, names) for key, position in index.items()]


def _lane(key: Key, position: int, names: dict[tuple[Any, Any], str]) -> Lane:
    stream, place, number = key
    numbered = number if isinstance(number, int) else -1 - position  # only has to be its own
    known_place = place if isinstance(place, int) and place >= 0 else None
    if stream:
        return Lane(type="stream", device=known_place, id=numbered, name=f"stream {number}")
    name = names.get((place, number)) or names.get((place, None)) or f"thread {number}"
    return Lane(type="thread", process=known_place, id=numbered, name=name)
