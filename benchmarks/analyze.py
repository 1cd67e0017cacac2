"""How long ``infprof report`` takes on a trace, beside merely parsing the same file.

``python benchmarks/analyze.py TRACE [--events 100000 ...] [--runs 5]`` repeats a trace's events,
later and later, until there are so many, and prints for each size the median time and peak memory
of the whole process of ``infprof report``, of a bare ``orjson.loads`` and their ratio; in turns.
``--hta PYTHON`` names an interpreter that has HolisticTraceAnalysis: its temporal breakdown is
timed too. At the end stands how far the cost of an event differs between the sizes.
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

WITH_BYTECODE = {key: os.environ[key] for key in os.environ if key != "PYTHONDONTWRITEBYTECODE"}
"""An installed package has been compiled once and for all."""

BARE = "import sys, orjson; orjson.loads(open(sys.argv[1], 'rb').read())"
HTA = """
import sys
from hta.trace_analysis import TraceAnalysis
traces = TraceAnalysis(trace_files={0: sys.argv[1]}, trace_dir="")
traces.get_temporal_breakdown(visualize=False)
"""


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
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=WITH_BYTECODE, **quiet)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, f"{command} failed"
    return time.perf_counter() - began, usage.ru_maxrss * 1024


def compare(file: Path, runs: int, hta: str | None) -> float:
    """Print one line for each program; the report's median seconds."""
    commands = {
        "infprof report": [sys.executable, "-m", "infprof", "report", str(file)],
        "orjson.loads": [sys.executable, "-c", BARE, str(file)],
    }
    if hta is not None:
        commands["HolisticTraceAnalysis"] = [hta, "-c", HTA, str(file)]
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            found[name].append(measure(command))
    seconds = {name: statistics.median(one for one, _ in rows) for name, rows in found.items()}
    for name, rows in found.items():
        peak, ratio = max(one for _, one in rows) / 1e6, seconds[name] / seconds["orjson.loads"]
        print(f"  {name:22}{seconds[name]:8.2f} s {peak:8.0f} MB   x{ratio:.2f}", flush=True)
    return seconds["infprof report"]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trace", type=Path, metavar="TRACE")
    parser.add_argument("--events", type=int, nargs="*", default=[100_000, 1_000_000, 3_000_000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--hta", metavar="PYTHON")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.make is not None:
        make(args.trace, args.events[0], args.make)
        return
    cost: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.json"
        for events in args.events:
            # elsewhere: what this process needs at most would count for all that it starts
            making = [sys.executable, __file__, str(args.trace), "--make", str(file)]
            made = subprocess.run(
                [*making, "--events", str(events)], check=True, capture_output=True, text=True
            )
            count = int(made.stdout)
            print(f"{count:,} events, {file.stat().st_size / 1e6:.0f} MB")
            cost[count] = compare(file, args.runs, args.hta)
    slope(cost)


def make(source: Path, events: int, file: Path) -> None:
    """Write a trace of so many events, and print how many they are."""
    content = source.read_bytes()
    trace = orjson.loads(gzip.decompress(content) if source.suffix == ".gz" else content)
    made = repeated(trace, events)
    file.write_bytes(orjson.dumps(made))
    print(len(made["traceEvents"]))


def slope(cost: dict[int, float]) -> None:
    """What each further event costs, from each size to the next."""
    sizes = sorted(cost)
    for less, more in zip(sizes, sizes[1:], strict=False):
        each = (cost[more] - cost[less]) / (more - less) * 1e6
        print(f"{each:.2f} us for each event from {less:,} to {more:,}")


if __name__ == "__main__":
    main()
