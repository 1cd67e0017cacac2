"""How long ``infprof report`` takes on a trace, beside merely parsing the same file.

``python benchmarks/analyze.py TRACE [--events 100000 ...] [--runs 5]`` repeats a trace's events,
later and later, until there are so many, and prints for each size the median time, CPU time and
peak memory of ``infprof report`` with all processes that it starts, of a bare ``orjson.loads``, and
the ratio of their times; in turns.
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
from typing import Any, NamedTuple

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


class Cost(NamedTuple):
    """What one run took."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def measure(command: list[str]) -> Cost:
    """Of a process and those that it waited for; the peak is that of the largest."""
    began = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=WITH_BYTECODE, **quiet)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, f"{command} failed"
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(time.perf_counter() - began, cpu, usage.ru_maxrss * 1024)


def median(runs: list[Cost]) -> Cost:
    """Of each figure alone; of peaks the highest."""
    seconds, cpu, peaks = zip(*runs, strict=True)
    return Cost(statistics.median(seconds), statistics.median(cpu), max(peaks))


def compare(file: Path, runs: int, hta: str | None) -> Cost:
    """Print one line for each program; the report's cost."""
    commands = {
        "infprof report": [sys.executable, "-m", "infprof", "report", str(file)],
        "orjson.loads": [sys.executable, "-c", BARE, str(file)],
    }
    if hta is not None:
        commands["HolisticTraceAnalysis"] = [hta, "-c", HTA, str(file)]
    found: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            found[name].append(measure(command))
    costs = {name: median(rows) for name, rows in found.items()}
    for name, one in costs.items():
        ratio = one.seconds / costs["orjson.loads"].seconds
        print(
            f"  {name:22}{one.seconds:8.2f} s {one.cpu_seconds:8.2f} s of CPU"
            f" {one.peak_bytes / 1e6:8.0f} MB   x{ratio:.2f}",
            flush=True,
        )
    return costs["infprof report"]


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
    cost: dict[int, Cost] = {}
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


def slope(cost: dict[int, Cost]) -> None:
    """What each further event costs, from each size to the next. In time the first ones cost less:
    they are read while the other process still imports what will explain them."""
    sizes = sorted(cost)
    for less, more in zip(sizes, sizes[1:], strict=False):
        time_us, cpu_us = (
            (getattr(cost[more], what) - getattr(cost[less], what)) / (more - less) * 1e6
            for what in ("seconds", "cpu_seconds")
        )
        print(f"{time_us:.2f} us, {cpu_us:.2f} us of CPU, for each event from {less:,} to {more:,}")


if __name__ == "__main__":
    main()
