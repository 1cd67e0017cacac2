"""How long ``infprof report`` takes on a trace, beside merely parsing the same file.

``python benchmarks/analyze.py TRACE [--events 100000 ...] [--runs 5]`` repeats a trace's events,
later and later, until there are so many, and prints for each size the median time and peak memory
of the whole process of ``infprof report``, of a bare ``orjson.loads`` and their ratio; in turns.
"""

from __future__ import annotations

import argparse
import gzip
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

BARE = "import sys, orjson; orjson.loads(open(sys.argv[1], 'rb').read())"


def repeated(trace: dict[str, Any], events: int) -> dict[str, Any]:
    """The trace with its events again and again, each time later and with other ids."""
    rows = trace["traceEvents"]
    timed = [row for row in rows if isinstance(row.get("ts"), (int, float)) and "dur" in row]
    begin = min(row["ts"] for row in timed)
    period = max(row["ts"] + row["dur"] for row in timed) - begin + 1000
    found, turn = list(rows), 0
    while len(found) < events:
        turn += 1
        found += [_later(row, turn * period, turn * 10_000_000) for row in rows if row["ph"] != "M"]
    return {**trace, "traceEvents": found[: max(events, len(rows))]}


def _later(row: dict[str, Any], by: float, ids: int) -> dict[str, Any]:
    new = dict(row)
    if isinstance(row.get("ts"), (int, float)):
        new["ts"] = row["ts"] + by
    if isinstance(row.get("id"), int):
        new["id"] = row["id"] + ids
    args = row.get("args")
    if isinstance(args, dict):
        named = ("correlation", "External id")
        new["args"] = {**args, **{key: args[key] + ids for key in named if key in args}}
    return new


def measure(command: list[str]) -> tuple[float, int]:
    """Seconds and peak bytes of a process."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, f"{command} failed"
    return time.perf_counter() - began, usage.ru_maxrss * 1024


def compare(file: Path, runs: int) -> None:
    """Print one line."""
    commands = {
        "report": [sys.executable, "-m", "infprof", "report", str(file)],
        "bare": [sys.executable, "-c", BARE, str(file)],
    }
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            found[name].append(measure(command))
    seconds = {name: statistics.median(one for one, _ in rows) for name, rows in found.items()}
    peak = {name: max(one for _, one in rows) / 1e6 for name, rows in found.items()}
    print(
        f"{file.stat().st_size / 1e6:7.0f} MB  report {seconds['report']:6.2f} s"
        f" {peak['report']:6.0f} MB   orjson.loads {seconds['bare']:6.2f} s {peak['bare']:6.0f} MB"
        f"   x{seconds['report'] / seconds['bare']:.2f}",
        flush=True,
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trace", type=Path, metavar="TRACE")
    parser.add_argument("--events", type=int, nargs="*", default=[100_000, 1_000_000, 3_000_000])
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    content = args.trace.read_bytes()
    trace = orjson.loads(gzip.decompress(content) if args.trace.suffix == ".gz" else content)
    with tempfile.TemporaryDirectory() as folder:
        for events in args.events:
            made = repeated(trace, events)
            file = Path(folder) / "trace.json"
            file.write_bytes(orjson.dumps(made))
            print(f"{len(made['traceEvents']):>9,} events", end="  ")
            compare(file, args.runs)


if __name__ == "__main__":
    main()
