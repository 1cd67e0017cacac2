"""Keep a recording for the tests: ``keep_recording.py REPORT_FOLDER tests/recordings/NAME``.

Leaves out what names a machine or a person, and writes down in ``expected.json`` beside it what is
found in it today, for ``tests/test_recordings.py`` to find again.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import infprof
from infprof.profiler.recording import Header, Recording


def scrubbed(header: Header) -> Header:
    """Without paths, serial numbers and process names."""
    clean = header.model_copy(deep=True)
    clean.subject.command = [Path(word).name or word for word in header.subject.command]
    clean.machine.os = (header.machine.os or "").partition(" ")[0] or None
    for gpu in clean.machine.gpus:
        gpu.uuid = None
    for lane in clean.lanes:
        lane.name = "" if lane.type == "thread" else lane.name
    return clean


def size_bytes(folder: Path) -> int:
    """Of all files in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir())


def keep(source: Path, target: Path) -> int:
    """Keep the recording in ``source`` as ``target``; gives its size in bytes."""
    recording = infprof.load(source)
    kept: Recording = replace(recording, header=scrubbed(recording.header))
    kept.save(target)
    report = infprof.diagnose(kept)
    first = report.findings[0].rule if report.findings else None
    expected = target.parent / "expected.json"
    table = json.loads(expected.read_text()) if expected.is_file() else {}
    table[target.name] = {"first": first, "limit": report.verdict.limit}
    expected.write_text(json.dumps(dict(sorted(table.items())), indent=1) + "\n")
    return size_bytes(target)


if __name__ == "__main__":
    print(f"{keep(Path(sys.argv[1]), Path(sys.argv[2]))} bytes")
