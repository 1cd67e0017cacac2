"""What attaching costs the server that is watched: throughput before, during and after.

    python benchmarks/attach.py [--seconds 10] [--pairs 7] [--server threads] [--planted decode]

Each pair measures the server under the same closed load for so many seconds alone, then for so many
while ``infprof attach`` watches it. The first pair is thrown away. Prints the median of the ratios
with its range, and what the target has afterwards that it had not before. It needs a machine on
which nothing else runs.
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

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.servers.load import Load  # noqa: E402


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--server", default="threads")
    parser.add_argument("--planted", default="decode")
    chosen = parser.parse_args()
    command = [sys.executable, "-m", f"tests.servers.{chosen.server}", chosen.planted]
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
    rate(load, seconds)  # warm
    before = state(pid)
    during, after = list[float](), list[float]()
    for pair in range(pairs + 1):
        alone = rate(load, seconds)
        watched = watched_rate(load, pid, seconds)
        again = rate(load, seconds)
        if pair:
            during.append(2 * watched / (alone + again))
            after.append(again / alone)
            print(f"pair {pair}: alone {alone:.1f}/s, watched {watched:.1f}/s, again {again:.1f}/s")
    for name, ratios in (("during", during), ("after", after)):
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
        print(f"throughput {name} / before: {statistics.median(ratios):.3f} ({spread})")
    left = {
        name: (was, state(pid)[name]) for name, was in before.items() if state(pid)[name] != was
    }
    print(f"changed in the target: {left or 'nothing'}")


def rate(load: Load, seconds: float) -> float:
    """Answers a second."""
    first, began = load.answers, time.perf_counter()
    time.sleep(seconds)
    return (load.answers - first) / (time.perf_counter() - began)


def watched_rate(load: Load, pid: int, seconds: float) -> float:
    """Answers a second while it is watched; not while the report is made."""
    with tempfile.TemporaryDirectory() as out:
        words = ["attach", str(pid), "--duration", str(seconds + 2), "-o", out]
        with subprocess.Popen(
            [sys.executable, "-m", "infprof", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as watching:
            time.sleep(1.5)  # until it samples
            found = rate(load, seconds)
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
