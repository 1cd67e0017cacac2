"""What ``infprof run`` adds to a whole script, beside what other profilers add to it.

``python benchmarks/overhead.py [--seconds 30] [--pairs 7] [--others] [NAME ...]`` runs programs
without an infprof line in them, bare and recorded, and prints the median of the ratios of their
walls, the range of these ratios, and bare runs against bare runs: the noise. What the programs
print must be the same, to the last bit. ``--others`` adds torch.profiler with stacks, cProfile and
py-spy, one pair each (torch.profiler of a tenth of the requests: it holds all events in memory).

A machine that others use changes its speed by a third within seconds. So the two runs of a pair
take turns of half a second (SIGSTOP, SIGCONT to their process groups), in random order, and the
turns of each add up to its wall, from the program's first line to its last.

Bar: 1.05 for scripts of 30 s or more with default settings.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TURN_SECONDS = 0.5

SETTING = """
import time
first_line = time.perf_counter()
import hashlib, sys
from contextlib import nullcontext
import torch
from torch import nn
torch.set_num_threads(1)
torch.manual_seed(0)
{model}

def loop(count, seconds):
    done, answers, began = 0, hashlib.sha256(), time.perf_counter()
    while done < count if count else time.perf_counter() - began < seconds:
        with torch.inference_mode():
            answers.update(serve(done).numpy().tobytes())
        done += 1
    return done, time.perf_counter() - began, answers.hexdigest()[:16]

def main():
    seconds, count, traced = float(sys.argv[1]), int(sys.argv[2]), len(sys.argv) > 3
    profile = torch.profiler.profile
    with profile(with_stack=True, record_shapes=True) if traced else nullcontext():
        result = loop(count, seconds)
    print(*result, first_line, time.perf_counter())

main()
"""

PROGRAMS = {
    "launch-heavy": """
class Small(nn.Module):
    def forward(self, x):
        for _ in range(200):
            x = x * 1.01 + 0.5
        return x
model = Small()
def serve(number):
    return model(torch.full((16,), float(number % 7)))
""",
    "matmul-heavy": """
model = nn.Sequential(*(nn.Linear(768, 768) for _ in range(6))).eval()
def serve(number):
    return model(torch.full((64, 768), number % 7 / 7))
""",
    "decode-heavy": """
class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.GRUCell(128, 256), nn.Linear(256, 128)
    def forward(self, token, state):
        state = self.cell(token, state)
        return self.head(state), state
model = Decoder().eval()
def serve(number):
    token, state, words = torch.zeros(1, 128), torch.zeros(1, 256), []
    token[0, number % 128] = 1
    for _ in range(24):
        scores, state = model(token, state)
        words.append(scores.argmax())
        token = torch.zeros(1, 128)
        token[0, words[-1]] = 1
    return torch.stack(words)
""",
}

Command = Callable[[list[str], Path], list[str]]
"""From a script with its arguments and a folder to write into, the whole command."""

OURS: Command = lambda script, out: [  # noqa: E731
    sys.executable, "-m", "infprof", "run", "-o", str(out / "out"), *script,
]  # fmt: skip

PY_SPY = str(Path(sys.executable).with_name("py-spy"))

OTHERS: dict[str, Command] = {
    "torch.profiler, stacks": lambda script, out: [sys.executable, *script, "traced"],
    "cProfile": lambda script, out: [
        sys.executable, "-m", "cProfile", "-o", str(out / "cprofile"), *script,
    ],
    "py-spy": lambda script, out: [
        PY_SPY, "record", "--nonblocking", "-o", str(out / "spy.svg"), "--",
        sys.executable, *script,
    ],
}  # fmt: skip


class Program:
    """One run, which advances only in its turns."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self.turns = list[tuple[float, float]]()
        self._send(signal.SIGSTOP)

    @property
    def is_over(self) -> bool:
        """Whether it, and what it left to do after the program, has ended."""
        return self.process.poll() is not None

    def take_turn(self) -> None:
        """Run for a while."""
        began = time.perf_counter()
        self._send(signal.SIGCONT)
        time.sleep(TURN_SECONDS)
        self._send(signal.SIGSTOP)
        self.turns.append((began, time.perf_counter()))

    def answer(self) -> tuple[float, str]:
        """Wall in turns of its own, and a fingerprint of its answers."""
        assert self.process.stdout is not None
        lines = [line.split() for line in self.process.stdout]  # a profiler may say something too
        _, _, answers, first, last = next(
            words for words in lines if words[:1] and len(words) == 5 and words[0].isdigit()
        )
        inside = (min(end, float(last)) - max(start, float(first)) for start, end in self.turns)
        return sum(one for one in inside if one > 0), answers.decode()

    def _send(self, number: int) -> None:
        if not self.is_over:
            os.killpg(self.process.pid, number)


def ratio(one: list[str], other: list[str]) -> float:
    """Wall of ``one`` over the wall of ``other``, whose answers must be the same."""
    programs = Program(one), Program(other)
    while left := [program for program in programs if not program.is_over]:
        for program in random.sample(left, len(left)):
            program.take_turn()
    (wall, mine), (base, same) = (program.answer() for program in programs)
    assert mine == same, "the answers differ"
    return wall / base


def compare(name: str, folder: Path, seconds: float, pairs: int, others: bool) -> None:
    """Print one program's ratios."""
    script = folder / f"{name}.py"
    script.write_text(SETTING.replace("{model}", PROGRAMS[name]))
    bare = [sys.executable, str(script)]
    found = subprocess.run([*bare, str(seconds), "0"], capture_output=True, check=True)
    count = int(found.stdout.split()[0])
    work = [str(script), "0", str(count)]
    again = [sys.executable, *work]
    ratios = {
        "infprof run": [ratio(OURS(work, folder), again) for _ in range(pairs)],
        "bare again": [ratio(again, again) for _ in range(max(pairs // 3, 1))],
    }
    for who, command in OTHERS.items() if others else ():
        fewer = max(count // 10, 1) if who.startswith("torch") else count
        part = [str(script), "0", str(fewer)]
        ratios[who] = [ratio(command(part, folder), [sys.executable, *part])]
    print(f"{name}: {count} requests, answers equal", flush=True)
    for who, found_ratios in ratios.items():
        low, high, number = min(found_ratios), max(found_ratios), len(found_ratios)
        spread = f"   {low:.3f} to {high:.3f}, {number} pairs" * (number > 1)
        print(f"  {who:<24}x{statistics.median(found_ratios):.3f}{spread}", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PROGRAMS))
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--others", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in args.names or PROGRAMS:
            compare(name, Path(folder), args.seconds, args.pairs, args.others)


if __name__ == "__main__":
    main()
