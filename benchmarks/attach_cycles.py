"""What attaching to a process again and again leaves behind in it.

``python benchmarks/attach_cycles.py [--cycles 200] [--seconds 0.2] [--windows 5]`` starts a server
of a small model with four threads that opted in, attaches to it so many times, and prints now and
then its memory, threads, open files and signal handlers, and how many requests it served meanwhile.
At the end it prints what changed since the tenth cycle: by then torch's tracer has its tables.
Before and after, with nobody attached, it serves for some seconds: the rates tell what is left of
our cost.

Bar: 200 cycles leave the memory within 2 %, and no thread, file or signal handler. ``--windows 0``
shows what is ours without torch's tracer.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from infprof.profiler.agent.asking import ask
from infprof.profiler.agent.messages import ATTACHED
from infprof.profiler.schedule import Plan

WARM_CYCLES = 10
REST_S = 5.0
TIDYING_S = 5.0

SERVER = """
import sys, threading, time
import torch
import infprof
torch.set_num_threads(1)
model = torch.nn.Sequential(*(torch.nn.Linear(64, 64) for _ in range(8)))
served = [0] * 4

def serve(place):
    while True:
        with infprof.request(), torch.inference_mode():
            model(torch.ones(8, 64)).sum().item()
            served[place] += 1
        time.sleep(0.002)

for place in range(4):
    threading.Thread(target=serve, args=(place,), daemon=True).start()
infprof.agent.start()
print("ready", flush=True)
for line in sys.stdin:
    print(sum(served), flush=True)
"""


@dataclass(frozen=True)
class State:
    """What can be seen of a process from outside."""

    rss_bytes: int
    threads: int
    files: int
    handlers: str

    @classmethod
    def of(cls, pid: int) -> State:
        """Now."""
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines)
        return cls(
            rss_bytes=int(status["VmRSS"].split()[0]) << 10,
            threads=int(status["Threads"]),
            files=len(os.listdir(f"/proc/{pid}/fd")),
            handlers=status["SigCgt"].strip(),
        )


class Server:
    """The process that is attached to."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None and self.process.stdin is not None
        self.said, self.told = self.process.stdout, self.process.stdin
        assert self.said.readline() == "ready\n"

    def served(self) -> int:
        """Requests so far."""
        self.told.write("\n")
        self.told.flush()
        return int(self.said.readline())

    def rate(self) -> float:
        """Requests a second while nobody is attached."""
        before, since = self.served(), time.monotonic()
        time.sleep(REST_S)
        return (self.served() - before) / (time.monotonic() - since)


def attach(pid: int, seconds: float, plan: Plan) -> int:
    """Once; returns how many windows were recorded."""
    with tempfile.TemporaryDirectory() as folder:
        ask(pid, seconds, plan, Path(folder))
        windows = len(list(Path(folder).glob("window-*.json")))
    latest = time.monotonic() + TIDYING_S  # it tidies up once we have left
    while any("infprof-agent" in one for one in open_files(pid)) and time.monotonic() < latest:
        time.sleep(0.01)
    return windows


def open_files(pid: int) -> list[str]:
    """What a process's descriptors lead to."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(os.readlink(link))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--windows", type=int, default=ATTACHED.windows)
    chosen = parser.parse_args()
    server, windows = Server(), 0
    plan = replace(ATTACHED, windows=chosen.windows)
    pid = server.process.pid
    print(f"before: {server.rate():.0f} requests/s, {State.of(pid)}")
    first = State.of(pid)
    for cycle in range(1, chosen.cycles + 1):
        windows += attach(pid, chosen.seconds, plan)
        if cycle == WARM_CYCLES:
            first = State.of(pid)
        if cycle % max(chosen.cycles // 10, 1) == 0:
            print(f"{cycle} cycles, {windows} windows, {server.served()} served: {State.of(pid)}")
    last = State.of(pid)
    print(f"after: {server.rate():.0f} requests/s, {State.of(pid)}")
    print(f"memory {last.rss_bytes / first.rss_bytes - 1:+.1%} since cycle {WARM_CYCLES}")
    for name in ("threads", "files", "handlers"):
        print(f"{name}: {getattr(first, name)} -> {getattr(last, name)}")
    server.process.kill()
    server.process.communicate()


if __name__ == "__main__":
    main()
