"""Keep a recording for the tests: ``keep_recording.py REPORT_FOLDER tests/recordings/NAME``.

Leaves out what names a machine or a person, and writes down in ``expected.json`` beside it what is
found in it today, for ``tests/test_recordings.py`` to find again.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

import infprof
from infprof.profiler.interner import Interner
from infprof.profiler.recording import Header, Recording
from infprof.profiler.stacks import Calls

MOST_BYTES = {"cpu": 300_000, "gpu": 1_000_000}
"""Of a recording, by where it was made: a repository keeps them for ever."""

INSTALLED = re.compile(
    r"/((?:(?:site|dist)-packages|lib(?:64)?/python3\.\d+)/(?!site-packages/).*)"
)
"""A file of a package or of Python's own library, from where it is the same on every machine."""

FOLDERS = re.compile(r"(?<![\w.])/(?:[^\s/'\":]+/)+")
"""What leads to a file, in a sentence."""


def without_folders(path: str) -> str:
    """A file's place in its package, or its name; what is no whole path stays."""
    found = INSTALLED.search(path)
    return found[1] if found else Path(path).name if path.startswith("/") else path


def scrubbed(header: Header) -> Header:
    """Without paths, serial numbers and process names."""
    clean = header.model_copy(deep=True)
    clean.subject.command = [Path(word).name or word for word in header.subject.command]
    clean.machine.os = (header.machine.os or "").partition(" ")[0] or None
    for gpu in clean.machine.gpus:
        gpu.uuid = None
    for lane in clean.lanes:
        lane.name = "" if lane.type == "thread" else lane.name
    for note in clean.notes:
        note.text = FOLDERS.sub("", note.text)
    clean.missing = {source: FOLDERS.sub("", why) for source, why in header.missing.items()}
    return clean


def without_places(calls: Calls) -> Calls:
    """The sampled calls, in files of which only the name is told, or the place in a package."""
    strings = Interner()
    index = np.array([strings(without_folders(text)) for text in calls.strings], np.int32)
    return replace(
        calls,
        file=index[calls.file],
        function=index[calls.function],
        strings=strings.strings(),
    )


def size_bytes(folder: Path) -> int:
    """Of all files in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir())


def kind_of(header: Header) -> str:
    """``gpu`` or ``cpu``: where a recording was made."""
    return "gpu" if header.machine.gpus else "cpu"


def keep(source: Path, target: Path) -> int:
    """Keep the recording in ``source`` as ``target``; gives its size in bytes."""
    recording = infprof.load(source)
    stacks = replace(recording.stacks, calls=without_places(recording.stacks.calls))
    kept: Recording = replace(recording, header=scrubbed(recording.header), stacks=stacks)
    if (target / "recording.json").is_file():  # an older one, which may have more columns
        for path in target.glob("*.parquet"):
            path.unlink()
    kept.save(target)
    report = infprof.diagnose(kept)
    first = report.findings[0].rule if report.findings else None
    expected = target.parent / "expected.json"
    table = json.loads(expected.read_text()) if expected.is_file() else {}
    table[target.name] = {"first": first, "limit": report.verdict.limit}
    expected.write_text(json.dumps(dict(sorted(table.items())), indent=1) + "\n")
    return size_bytes(target)


if __name__ == "__main__":
    size, kept_as = keep(Path(sys.argv[1]), Path(sys.argv[2])), Path(sys.argv[2])
    most = MOST_BYTES[kind_of(infprof.load(kept_as).header)]
    print(f"{size} bytes" + (f", more than {most}: record fewer requests" if size > most else ""))
