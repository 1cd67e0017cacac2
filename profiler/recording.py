"""The Recording: only what was observed. A JSON header and columns in Parquet, in one folder.

It opens on any machine, without torch or a GPU. Nothing in it is a conclusion.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from infprof.profiler.bad_input import BadInput as BadInput
from infprof.profiler.calibration import Calibration as Calibration
from infprof.profiler.deployment import Deployment as Deployment
from infprof.profiler.events import NO_EVENTS, Events
from infprof.profiler.intervals import Int64Array, Intervals
from infprof.profiler.loads.load import Load as Load
from infprof.profiler.machine import Cpu as Cpu
from infprof.profiler.machine import Gpu as Gpu
from infprof.profiler.machine import Machine as Machine
from infprof.profiler.phase import Phase as Phase
from infprof.profiler.serving.served import Served as Served
from infprof.profiler.stacks import NO_STACKS, Stacks
from infprof.profiler.stints import NO_STINTS, WORK, Stints

SCHEMA = "infprof.recording/1"


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", defer_build=True)


class Lane(_Model):
    """A row of the timeline: a host thread or a device stream."""

    type: Literal["thread", "stream"]
    process: int | None = None
    """Process id of a thread."""
    device: int | None = None
    """Device index of a stream."""
    id: int
    """Native thread id, or stream number."""
    name: str = ""


class Note(_Model):
    """Something a reader of the numbers must know."""

    code: str
    text: str


class Window(_Model):
    """A stretch of time under the tracer."""

    start_ns: int
    end_ns: int
    alignment_error_ns: int | None = None
    """Spread of the marks by which the tracer's clock was mapped onto ours."""


class Series(_Model):
    """One quantity sampled over time; its points are the samples that carry its index."""

    name: str
    source: str
    unit: str
    device: int | None = None


class Subject(_Model):
    """What was looked at."""

    kind: Literal["run", "attach", "trace", "profile", "load"]
    name: str
    command: list[str] = Field(default_factory=list)
    """Redacted command line."""
    exit_code: int | None = None


class Header(_Model):
    """Everything about a recording that is not a column."""

    schema_: str = Field(default=SCHEMA, alias="schema")
    model_config = ConfigDict(extra="ignore", populate_by_name=True)
    tool_version: str = ""
    subject: Subject
    machine: Machine = Field(default_factory=Machine)
    settings: dict[str, int | float | str | bool | None] = Field(default_factory=dict)
    flags: dict[str, bool | int | str | None] = Field(default_factory=dict)
    """Switches of torch at the time: ``matmul_precision``, ``cudnn_tf32`` ..."""
    missing: dict[str, str] = Field(default_factory=dict)
    """Sources that gave nothing, each with the reason."""
    notes: list[Note] = Field(default_factory=list)
    lanes: list[Lane] = Field(default_factory=list)
    windows: list[Window] = Field(default_factory=list)
    series: list[Series] = Field(default_factory=list)
    span_ns: int | None = None
    """A foreign trace's first to last event."""
    requests_seen: int = 0
    """All requests, also those beyond the bounded table."""
    dropped_events: int = 0
    stack_error_ns: int | None = None
    """How far sampled stacks may be from their true time on our clock; ``None`` is unknown."""
    overhead_ns: dict[str, int] = Field(default_factory=dict)
    """What we ourselves cost, by cause."""
    model_calls: list[int] = Field(default_factory=list)
    """Where the program calls its models, again and again: indices of sampled calls."""
    cuts: list[str] = Field(default_factory=list)
    """How the input was incomplete, in words."""
    served: Served | None = None
    """What a serving engine told of itself."""
    load: Load | None = None
    """What a load generator measured from outside."""
    deployment: Deployment | None = None
    """What its owner says of how it is deployed."""

    @property
    def is_of_stretches(self) -> bool:
        """Its requests are stretches in which threads of a watched server worked (``outside``):
        nothing is known of latencies, and all numbers are for the whole."""
        return self.settings.get("requests") == "stretches"

    @property
    def tells_a_mean(self) -> bool:
        """What is known of requests is the mean of many, told by an engine or by clients."""
        return self.served is not None or self.tells_only_of_load

    @property
    def tells_only_of_load(self) -> bool:
        """Whether nothing was seen of the server itself."""
        return self.subject.kind == "load"


@dataclass(frozen=True, slots=True)
class Requests:
    """Columns of one length, one row per request, sorted by start."""

    start_ns: Int64Array
    end_ns: Int64Array
    lane: npt.NDArray[np.int32]
    phase: npt.NDArray[np.int8]
    failed: npt.NDArray[np.bool_]
    content: Int64Array
    """What the request's first model call was given, as a salted fingerprint: equal for equal
    inputs of one recording and for nothing else to learn. -1 is unknown."""
    number: Int64Array
    """By which its stints know it; -1 where it has none."""

    def __len__(self) -> int:
        return len(self.start_ns)

    @property
    def warm(self) -> npt.NDArray[np.bool_]:
        """Which ran after the warm-up, traced or not."""
        return np.isin(self.phase, (int(Phase.PLAIN), int(Phase.TRACED)))

    @classmethod
    def of(cls, rows: Sequence[tuple[int, ...]]) -> Requests:
        """From rows of (start_ns, end_ns, lane, phase, failed), then ``content`` and ``number``
        where known."""
        full = [(*row, -1, -1)[:7] for row in rows]
        table = np.array(sorted(full), np.int64).reshape(-1, 7)
        return cls(
            table[:, 0],
            table[:, 1],
            table[:, 2].astype(np.int32),
            table[:, 3].astype(np.int8),
            table[:, 4].astype(np.bool_),
            table[:, 5],
            table[:, 6],
        )


@dataclass(frozen=True, slots=True)
class Samples:
    """Columns of one length: a value of a series at a time."""

    series: npt.NDArray[np.int32]
    """Index into ``Header.series``."""
    time_ns: Int64Array
    value: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time_ns)

    @classmethod
    def of(cls, rows: list[tuple[int, int, float]]) -> Samples:
        """From rows of (series, time_ns, value)."""
        series, time, value = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(
            np.asarray(series, np.int32), np.asarray(time, np.int64), np.asarray(value, np.float64)
        )


@dataclass(frozen=True, slots=True)
class Recording:
    """A header and five tables on one nanosecond clock (``CLOCK_MONOTONIC`` where we recorded)."""

    header: Header
    events: Events = NO_EVENTS
    requests: Requests = field(default_factory=lambda: Requests.of([]))
    samples: Samples = field(default_factory=lambda: Samples.of([]))
    stacks: Stacks = NO_STACKS
    stints: Stints = NO_STINTS

    def served(self, lane: int, *, warm: bool = True) -> Intervals:
        """When a thread served requests (only ``warm`` ones, or all): their stints, where they are
        known; such requests may overlap as a whole."""
        table, stints = self.requests, self.stints
        counts = table.warm if warm else np.ones(len(table), bool)
        told = np.isin(table.number, stints.request[stints.wait == WORK])
        mine = (stints.lane == lane) & (stints.wait == WORK)
        mine &= np.isin(stints.request, table.number[counts])
        whole = counts & ~told & (table.lane == lane)
        start = np.concatenate([stints.start_ns[mine], table.start_ns[whole]])
        end = np.concatenate([stints.end_ns[mine], table.end_ns[whole]])
        order = np.argsort(start, kind="stable")
        return Intervals(start[order], end[order])

    def serving_lanes(self) -> npt.NDArray[np.int32]:
        """The threads that served requests."""
        return np.union1d(self.requests.lane, self.stints.lanes())

    def save(self, folder: Path) -> None:
        """Write the recording into ``folder`` (made 0700). Raises ``OSError``."""
        from infprof.profiler import columns

        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        columns.write_events(folder / "events.parquet", self.events)
        columns.write(folder / "requests.parquet", self.requests)
        columns.write(folder / "samples.parquet", self.samples)
        columns.write_stacks(folder, self.stacks)
        if len(self.stints):
            columns.write(folder / "stints.parquet", self.stints)
        self.save_header(folder)  # it comes last: it says "complete"

    def save_header(self, folder: Path) -> None:
        """Write the header alone into a folder of this recording. Raises ``OSError``."""
        partial = folder / "recording.json.part"
        partial.write_text(self.header.model_dump_json(by_alias=True, indent=1))
        os.replace(partial, folder / "recording.json")

    @classmethod
    def load(cls, folder: Path) -> Recording:
        """Read what ``save`` wrote. Raises ``BadInput`` with one line for a person."""
        from infprof.profiler import columns

        try:
            header = Header.model_validate_json((folder / "recording.json").read_bytes())
            if not header.schema_.startswith("infprof.recording/"):
                raise ValueError(f"schema {header.schema_!r}")
            return cls(
                header,
                columns.read_events(folder / "events.parquet"),
                columns.read(folder / "requests.parquet", Requests),
                columns.read(folder / "samples.parquet", Samples),
                columns.read_stacks(folder),
                columns.read_if_there(folder / "stints.parquet", NO_STINTS),
            )
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise BadInput(f"{folder}: not a readable infprof recording ({reason})") from error
