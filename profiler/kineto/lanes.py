"""Which thread or stream each event of a Kineto trace belongs to."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from infprof.profiler.kineto.document import Args, Event
from infprof.profiler.kineto.tables import Int32Array, Table

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


class _Ids(dict[Id, Id]):
    def __missing__(self, value: Id) -> Id:
        found = self[value] = id_of(value)
        return found


class LaneNames(dict[tuple[Id, Id | None], str]):
    """Names that the trace gives to threads, and under ``(process, None)`` to processes."""

    def learn(self, events: list[Event]) -> None:
        """Take what the events of metadata among these say; the last word counts."""
        for event in events:
            if event.ph == "M" and isinstance(event.args.name, str):
                process = id_of(event.pid)
                if event.name == "thread_name":
                    self[process, id_of(event.tid)] = event.args.name.strip()
                elif event.name == "process_name":
                    self[process, None] = event.args.name.strip()


class _Threads(dict[tuple[Id, Id], int]):
    """The numbers of threads' lanes by process and thread alone, to look up faster."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes

    def __missing__(self, thread: tuple[Id, Id]) -> int:
        number = self[thread] = self.lanes[(False, *thread)]
        return number


class Lanes(Table[Key]):
    """Numbers of lanes."""

    def __init__(self) -> None:
        self.ids, self.threads = _Ids(), _Threads(self)

    def of(
        self, processes: list[Any], threads: list[Any], args: list[Args], streamed: list[int]
    ) -> Int32Array:
        """Lanes of events by process and thread; the ``streamed`` rows tell theirs in ``args``."""
        places, numbers = self._clean(processes), self._clean(threads)
        lanes = list(map(self.threads.__getitem__, zip(places, numbers, strict=True)))
        theirs = [args[row] for row in streamed]
        devices = self._clean([one.device for one in theirs], [places[row] for row in streamed])
        streams = self._clean([one.stream for one in theirs], [numbers[row] for row in streamed])
        for row, device, stream in zip(streamed, devices, streams, strict=True):
            lanes[row] = self[True, device, stream]
        return np.array(lanes, np.int32)

    def _clean(self, values: list[Any], instead: list[Id] | None = None) -> list[Id]:
        """The values as ids; where one is ``None``, what may be told ``instead``."""
        types = set(map(type, values))
        if types <= {int}:
            return values
        if types <= {int, str}:
            return list(map(self.ids.__getitem__, values))
        if instead is not None:
            values = [
                other if value is None else value
                for value, other in zip(values, instead, strict=True)
            ]
        return list(map(id_of, values))
