"""What attaching costs the server that is watched: throughput before, during and after.

    python benchmarks/attach.py [--seconds 10] [--pairs 7] [--server threads] [--planted decode]
                                [--agent]

Each pair measures the server under the same closed load for so many seconds alone, then for so many
while ``infprof attach`` watches it, from outside or (``--agent``) from inside. The first pair is
thrown away. Prints the median of the ratios with its range, also of the target's CPU time for each
answer, which other work on the machine disturbs less; and what the target has afterwards that it
had not before. It needs a machine on which nothing else runs.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.servers.load import Load  # noqa: E402

RATIOS = "throughput during / before", "throughput after / before", "CPU time during / before"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--server", default="threads")
    parser.add_argument("--planted", default="decode")
    parser.add_argument("--agent", action="store_true")
    chosen = parser.parse_args()
    serve = ["-m", "infprof", "run", "--serve", "--", sys.executable] if chosen.agent else []
    command = [sys.executable, *serve, "-m", f"tests.servers.{chosen.server}", chosen.planted]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as server:
        try:
            assert server.stdout is not None
            with Load(int(server.stdout.readline()), chosen.clients) as load:
                measure(load, server.pid, chosen.seconds, chosen.pairs)
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def measure(load: Load, pid: int, seconds: float, pairs: int) -> None:
    """Alone and watched in turns; what stays behind at the end."""
    rate(load, pid, seconds)  # warm
    before = state(pid)
    ratios: dict[str, list[float]] = {name: [] for name in RATIOS}
    for pair in range(pairs + 1):
        alone = rate(load, pid, seconds)
        watched = watched_rate(load, pid, seconds)
        again = rate(load, pid, seconds)
        if pair:
            found = (
                2 * watched.answers / (alone.answers + again.answers),
                again.answers / alone.answers,
                2 * watched.cpu_ms / (alone.cpu_ms + again.cpu_ms),
            )
            for name, value in zip(RATIOS, found, strict=True):
                ratios[name].append(value)
            print(f"pair {pair}: alone {alone}, watched {watched}, again {again}")
    for name, values in ratios.items():
        spread = f"{min(values):.3f} to {max(values):.3f}"
        print(f"{name}: {statistics.median(values):.3f} ({spread})")
    left = {
        name: (was, state(pid)[name]) for name, was in before.items() if state(pid)[name] != was
    }
    print(f"changed in the target: {left or 'nothing'}")


class Rate(NamedTuple):
    """What the server did."""

    answers: float
    """A second."""
    cpu_ms: float
    """For an answer."""

    def __str__(self) -> str:
        return f"{self.answers:.1f}/s of {self.cpu_ms:.1f} ms"


def rate(load: Load, pid: int, seconds: float) -> Rate:
    """From now on."""
    first, began, used = load.answers, time.perf_counter(), cpu_s(pid)
    time.sleep(seconds)
    answers = load.answers - first
    return Rate(
        answers / (time.perf_counter() - began), (cpu_s(pid) - used) * 1e3 / max(answers, 1)
    )


def cpu_s(pid: int) -> float:
    """What the process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watched_rate(load: Load, pid: int, seconds: float) -> Rate:
    """While it is watched; not while the report is made."""
    with tempfile.TemporaryDirectory() as out:
        words = ["attach", str(pid), "--duration", str(seconds + 2), "-o", out]
        with subprocess.Popen(
            [sys.executable, "-m", "infprof", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as watching:
            time.sleep(1.5)  # until it samples
            found = rate(load, pid, seconds)
            if watching.wait():
                sys.exit("infprof attach failed")
        return found


def state(pid: int) -> dict[str, object]:
    """Threads, open files and signal handlers."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    names = ("Threads", "SigCgt", "SigIgn", "SigBlk", "TracerPid")
    return {name: fields[name] for name in names} | {"files": len(os.listdir(f"/proc/{pid}/fd"))}


if __name__ == "__main__":
    main()
