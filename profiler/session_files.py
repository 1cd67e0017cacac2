"""Reads the raw files that a session left in its folder, however it ended.

Whatever is missing or cut short becomes a reason in words; nothing here fails on content.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from infprof.profiler.beats import WIDTH as BEAT_WIDTH
from infprof.profiler.intervals import Int64Array
from infprof.profiler.marks import WIDTH
from infprof.profiler.recording import Machine
from infprof.profiler.stack_sampler import WIDTH as STACK_WIDTH
from infprof.profiler.stacks import CallsBuilder, Place

NONE_MEANWHILE = "no request began while we watched, and no call of an nn.Module in a loop was seen"
NO_SESSION = "the program ended before the recording began"
ENDED_AT_ONCE = (
    "the program ended without an exit of Python's (a signal, os._exit or exec), which can cost "
    "the last 0.1 s and an open window"
)


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """``session.json`` as it was written last; empty where it never was."""

    pid: int | None = None
    windows: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    overhead_ns: dict[str, int] = field(default_factory=dict)
    requests_seen: int = 0
    dropped_marks: int = 0
    model_calls: dict[int, int] = field(default_factory=dict)
    warmup: int = 0
    loop_tasks: float | None = None
    joined: bool = False
    """It began in the midst of the program's life."""
    machine: Machine = field(default_factory=Machine)
    flags: dict[str, bool | int | str | None] = field(default_factory=dict)


def read_facts(folder: Path) -> SessionFacts:
    """What the session said about itself, and what it missed by the way it ended."""
    try:
        facts = json.loads((folder / "session.json").read_bytes())
    except (OSError, ValueError):
        reasons = dict.fromkeys(("requests", "kernels", "ops", "stacks"), NO_SESSION)
        return SessionFacts(missing=reasons)
    torch, notes = facts["torch"], dict(facts["notes"])
    missing = {}
    if not facts["ended"]:
        notes["ended"] = ENDED_AT_ONCE
        if not facts["requests_seen"]:
            missing["requests"] = f"{ENDED_AT_ONCE}: none had been written"
    if not facts["windows"]:
        reason = "no window of the tracer was opened"
        if not torch:
            reason = "the program did not import torch"
        reason = notes.pop("gate", reason)
        missing["kernels"] = missing["ops"] = notes.pop("kernels", reason)
    if facts["stacks"]:
        missing["stacks"] = f"sampling ended early: {facts['stacks']}"
    return SessionFacts(
        pid=facts["pid"],
        windows=facts["windows"],
        notes=notes,
        missing=missing,
        overhead_ns=facts["overhead_ns"],
        requests_seen=facts["requests_seen"],
        dropped_marks=facts["dropped_marks"],
        model_calls={int(call): count for call, count in facts["model_calls"].items()},
        warmup=facts["warmup"],
        loop_tasks=facts["loop_tasks"],
        joined=facts["joined"],
        machine=Machine(torch=torch.get("torch"), cuda=torch.get("cuda"), hip=torch.get("hip")),
        flags={key: torch[key] for key in torch if key not in ("torch", "cuda", "hip")},
    )


def read_marks(folder: Path) -> tuple[Int64Array, list[tuple[str, str]]]:
    """All whole rows; what a killed process wrote only in part is left out."""
    try:
        data = (folder / "marks.bin").read_bytes()
        lines = (folder / "marks.keys").read_text("utf-8").split("\n")[:-1]
    except FileNotFoundError:
        return np.empty((0, WIDTH), np.int64), []
    table = np.frombuffer(data[: len(data) // (8 * WIDTH) * 8 * WIDTH], np.int64).reshape(-1, WIDTH)
    pairs = [(str(stage), str(name)) for stage, name in map(json.loads, lines)]
    return table[table[:, 0] < len(pairs)], pairs


def read_beats(folder: Path) -> Int64Array:
    """When the sampler changed to which of its two ways to wait: rows of (time_ns, which)."""
    return _whole_rows(folder / "beats.bin", BEAT_WIDTH)


def _whole_rows(file: Path, width: int) -> Int64Array:
    """What a killed process wrote only in part is left out."""
    data = file.read_bytes() if file.exists() else b""
    return np.frombuffer(data[: len(data) // (8 * width) * 8 * width], np.int64).reshape(-1, width)


@dataclass(frozen=True, slots=True)
class SampledStacks:
    """What the session's own sampler saw."""

    rows: Int64Array
    """(time_ns, native thread id, call, state)."""
    calls: CallsBuilder
    places: list[int]
    """The session's number of a call is an index into this: two of its calls can be one of ours,
    where code was made twice from one text."""


def read_stacks(folder: Path) -> SampledStacks:
    """All whole rows, with our numbers of the calls."""
    builder, places = CallsBuilder(), list[int]()
    try:
        lines = (folder / "calls.jsonl").read_text("ascii").split("\n")[:-1]
    except FileNotFoundError:
        lines = []
    for line in lines:
        parent, *place = json.loads(line)
        places.append(builder.add(places[parent] if parent >= 0 else -1, Place(*place)))
    rows = _whole_rows(folder / "stacks.bin", STACK_WIDTH)
    rows = rows[(rows[:, 2] >= 0) & (rows[:, 2] < len(places))]
    rows[:, 2] = np.array(places, np.int64)[rows[:, 2]]
    return SampledStacks(rows, builder, places)
