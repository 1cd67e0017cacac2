"""Raw files of a session and what collectors saw, joined into one Recording on one clock."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from infprof.profiler import names
from infprof.profiler.collectors import Facts
from infprof.profiler.collectors.kernels import MARK
from infprof.profiler.events import Events, EventsBuilder, Kind, concatenate
from infprof.profiler.importers.kineto import read as read_kineto
from infprof.profiler.intervals import Int64Array
from infprof.profiler.marks import RANGE, REQUEST, WIDTH
from infprof.profiler.recording import (
    BadInput,
    Header,
    Lane,
    Machine,
    Note,
    Recording,
    Requests,
    Samples,
    Subject,
    Window,
)


@dataclass
class Parts:
    """What is being joined: lanes by identity, events with their clock offsets, header facts."""

    lanes: list[Lane] = field(default_factory=list)
    index: dict[tuple[str, int | None, int], int] = field(default_factory=dict)
    events: list[tuple[Events, int, Any]] = field(default_factory=list)
    marked: set[str] = field(default_factory=set)
    """Names of our own marks: the tracer's copies of them are left out."""

    def lane(self, lane: Lane) -> int:
        """The joined index of a lane; threads are one by their native id, streams by device."""
        owner = lane.device if lane.type == "stream" else None
        key = (lane.type, owner, lane.id)
        if key not in self.index:
            self.index[key] = len(self.lanes)
            self.lanes.append(lane)
        elif lane.name and not self.lanes[self.index[key]].name:
            self.lanes[self.index[key]] = lane
        return self.index[key]


def assemble(
    folder: Path, subject: Subject, version: str, sampled: dict[str, Facts | str]
) -> Recording:
    """Join the raw files in ``folder`` with ``sampled``: facts, or why there are none, by source.

    Whatever is missing or cut short becomes a reason in the header; this never fails on content.
    """
    session = _session_facts(folder)
    header = Header(subject=subject, tool_version=version)
    header.missing.update(session["missing"])
    header.flags = session["flags"]
    header.overhead_ns = session["overhead_ns"]
    header.notes = [Note(code=code, text=text) for code, text in session["notes"].items()]
    parts = Parts()
    requests = _marks(folder, parts, session["pid"])
    header.requests_seen = max(session["requests_seen"], len(requests))
    header.dropped_events = session["dropped_marks"]
    for window in session["windows"]:
        _window(folder, window, parts, header)
    samples = _samples(header, sampled)
    _merge_machine(header.machine, session["machine"])
    header.lanes = parts.lanes
    events = concatenate(parts.events)
    _say_what_is_missing(header, events, requests)
    return Recording(header, events, requests, samples)


def _session_facts(folder: Path) -> dict[str, Any]:
    """``session.json`` as the session wrote it last; an empty session if it never did."""
    try:
        facts = json.loads((folder / "session.json").read_bytes())
    except (OSError, ValueError):
        facts = {}
    torch = facts.get("torch", {})
    notes = facts.get("notes", {})
    found = {
        key: facts.get(key, {} if key == "overhead_ns" else 0)
        for key in ("pid", "overhead_ns", "requests_seen", "dropped_marks")
    }
    missing = {} if facts else {"requests": "the program ended before the recording began"}
    if facts and not torch:
        missing["kernels"] = missing["ops"] = "the program did not import torch"
    elif "kernels" in notes:
        missing["kernels"] = missing["ops"] = notes.pop("kernels")
    elif not facts.get("windows"):
        missing["kernels"] = missing["ops"] = "no window of the tracer was opened"
    machine = Machine(torch=torch.get("torch"), cuda=torch.get("cuda"), hip=torch.get("hip"))
    windows = facts.get("windows", [])
    return {
        **found,
        "windows": windows,
        "notes": notes,
        "missing": missing,
        "machine": machine,
        "flags": {
            key: value for key, value in torch.items() if key not in ("torch", "cuda", "hip")
        },
    }


def _marks(folder: Path, parts: Parts, pid: int) -> Requests:
    """Requests as a table; ranges go to the events."""
    table, pairs = _read_marks(folder)
    threads = {
        int(thread): parts.lane(Lane(type="thread", process=pid, id=int(thread)))
        for thread in np.unique(table[:, 3])
    }
    parts.marked = {name for _, name in pairs}
    builder = EventsBuilder()
    rows: list[tuple[int, int, int, int, bool]] = []
    for key, start, end, thread, state in table.tolist():
        stage, name = pairs[key]
        if state != RANGE and stage == REQUEST:
            rows.append((start, end, threads[thread], state // 2, bool(state % 2)))
        else:
            builder.add(Kind.RANGE, threads[thread], name, start, end, stage=stage or None)
    same = np.arange(len(parts.lanes), dtype=np.int32)
    parts.events.append((builder.build(), 0, same))
    return Requests.of(rows)


def _read_marks(folder: Path) -> tuple[Int64Array, list[tuple[str, str]]]:
    """All whole rows; what a killed process wrote only in part is left out."""
    try:
        data = (folder / "marks.bin").read_bytes()
        lines = (folder / "marks.keys").read_text("utf-8").split("\n")[:-1]
    except FileNotFoundError:
        return np.empty((0, WIDTH), np.int64), []
    table = np.frombuffer(data[: len(data) // (8 * WIDTH) * 8 * WIDTH], np.int64).reshape(-1, WIDTH)
    pairs = [(str(stage), str(name)) for stage, name in map(json.loads, lines)]
    return table[table[:, 0] < len(pairs)], pairs


def _window(folder: Path, facts: dict[str, Any], parts: Parts, header: Header) -> None:
    """Add one window's trace, moved onto our clock by the marks it shares with us."""
    try:
        trace = read_kineto(folder / facts["file"])
    except BadInput as error:
        header.notes.append(Note(code="window", text=f"a window could not be read: {error}"))
        return
    events = trace.events
    marked = events.start_ns[_named(events, lambda name: name == MARK)]
    ours = np.array(facts["marks_ns"], np.int64)
    if len(marked) != len(ours):
        header.notes.append(Note(code="alignment", text="a window's clock could not be aligned"))
        return
    offsets = ours - marked
    header.windows.append(
        Window(
            start_ns=facts["start_ns"],
            end_ns=facts["end_ns"],
            alignment_error_ns=int(np.ptp(np.sort(offsets)[-len(offsets) // 2 :])),
        )
    )
    copies = _named(events, lambda name: name == MARK or name in parts.marked)
    kept = events.take(~((events.kind == Kind.RANGE) & copies))
    lanes = np.array([parts.lane(lane) for lane in trace.header.lanes] or [0], np.int32)
    parts.events.append((kept, int(np.median(offsets)), lanes))
    header.missing.update(trace.header.missing)
    _merge_machine(header.machine, trace.header.machine)


def _named(events: Events, test: Any) -> Any:
    table = np.array([test(name) for name in events.names] + [False], bool)
    return table[events.name]


def _samples(header: Header, sampled: dict[str, Facts | str]) -> Samples:
    rows: list[tuple[int, int, float]] = []
    for source, facts in sampled.items():
        if isinstance(facts, str):
            header.missing[source] = facts
            continue
        first = len(header.series)
        header.series.extend(facts.series)
        rows.extend((first + index, time, value) for index, time, value in facts.points)
        header.notes.extend(facts.notes)
        if facts.machine is not None:
            _merge_machine(header.machine, facts.machine)
    return Samples.of(rows)


def _merge_machine(into: Machine, more: Machine) -> None:
    """Fill what is unknown in ``into``; the collectors' list of GPUs is richer than the trace's."""
    for name in ("os", "python", "torch", "cuda", "hip"):
        if getattr(into, name) is None:
            setattr(into, name, getattr(more, name))
    for name, value in more.cpu:
        if getattr(into.cpu, name) is None:
            setattr(into.cpu, name, value)
    if not into.gpus:
        into.gpus = list(more.gpus)
        return
    for mine, other in zip(into.gpus, more.gpus, strict=False):
        for name, value in other:
            if getattr(mine, name) is None:
                setattr(mine, name, value)


def _say_what_is_missing(header: Header, events: Events, requests: Requests) -> None:
    if not len(requests):
        header.missing.setdefault(
            "requests",
            "the program marked no request: decorate the function that serves one with "
            "@infprof.profile, or put `with infprof.request():` around it",
        )
    if "ops" in header.missing and (events.kind == Kind.OP).any():
        del header.missing["ops"]
    copies = events.name[(events.kind == Kind.COPY)]
    unknown = [events.names[index] for index in np.unique(copies)]
    if any(names.copy_direction(name) == "unknown" for name in unknown):
        header.notes.append(Note(code="copies", text="some copies have a direction unknown here"))
