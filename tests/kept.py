"""What holds for every recording that is kept for the tests, wherever it lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import infprof
from infprof.profiler.recording import Recording
from scripts.keep_recording import MOST_BYTES, kind_of, size_bytes
from tests.run_example import expected, names

CURED = "-cured"

OF_A_PERSON = ("/home/", "/root/", "/Users/", "/tmp/")
"""How paths begin that tell of a person or of a machine."""


def recordings(folder: Path) -> list[Path]:
    """All that are kept in a folder."""
    return sorted(path.parent for path in folder.glob("*/recording.json"))


def said(folder: Path) -> dict[str, dict[str, str | None]]:
    """What was found in each when it was kept."""
    found: dict[str, dict[str, str | None]] = json.loads((folder / "expected.json").read_text())
    return found


def planted(name: str) -> str | None:
    """The rule that must come first in a recording named ``EXAMPLE[-cured][-GPU]``; ``None`` of a
    cured example."""
    examples = [*names(gpu=True), *names(gpu=False)]
    (example,) = [one for one in examples if name == one or name.startswith(f"{one}-")]
    return None if name.removeprefix(example).startswith(CURED) else expected(example)


def check_verdict(kept: Path) -> None:
    """It opens, adds up, and gets the first finding that it got, which is what was planted."""
    report = infprof.diagnose(infprof.load(kept))
    assert sum(one.exposed_ns for one in report.breakdown.stages) == report.breakdown.wall_ns > 0
    first = report.findings[0].rule if report.findings else None
    assert {"first": first, "limit": report.verdict.limit} == said(kept.parent)[kept.name]
    assert planted(kept.name) in (None, first)
    assert not [one for one in report.verdicts if one.outcome == "FAILED"]


def check_is_small_and_nameless(kept: Path) -> None:
    """It is small, and names no person and no machine."""
    recording = infprof.load(kept)
    assert size_bytes(kept) <= MOST_BYTES[kind_of(recording.header)]
    assert not [word for word in recording.header.subject.command if "/" in word]
    assert not [gpu.uuid for gpu in recording.header.machine.gpus if gpu.uuid]
    assert not [text for text in texts(recording) if any(one in text for one in OF_A_PERSON)]


def texts(recording: Recording) -> list[str]:
    """All text in a recording."""
    events, calls = recording.events, recording.stacks.calls
    header: Any = recording.header.model_dump_json()
    return [header, *events.names, *events.shape_names, *calls.strings]
