"""What ``infprof run`` adds to a whole script, beside what other profilers add to it.

``python benchmarks/overhead.py [--seconds 30] [--pairs 7] [--others] [NAME ...]`` runs programs
without an infprof line in them, bare and recorded in turn, and prints the medians of the ratios of
the wall that each program measures of its own loop, the range of these ratios, and a bare run
against a bare run: the noise. What the programs print must be the same, to the last bit.
``--others`` adds torch.profiler with stacks, cProfile and py-spy, one run each (torch.profiler of a
tenth of the requests: it holds all events in memory).

Bar: 1.05 for scripts of 30 s or more with default settings.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

SETTING = """
import hashlib, sys, time
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
    print(*result)

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
"""From a script with its arguments and a folder to write into, what to run."""

OURS: Command = lambda script, out: ["-m", "infprof", "run", "-o", str(out / "out"), *script]  # noqa: E731
BARE: Command = lambda script, out: script  # noqa: E731

OTHERS: dict[str, Command] = {
    "torch.profiler, stacks": lambda script, out: [*script, "traced"],
    "cProfile": lambda script, out: ["-m", "cProfile", "-o", str(out / "cprofile"), *script],
    "py-spy": lambda script, out: script,
}


def run(command: list[str]) -> tuple[int, float, str]:
    """Requests done, wall of the program's loop in seconds, and a fingerprint of its answers."""
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(said[0]), float(said[1]), said[2]


def compare(name: str, folder: Path, seconds: float, pairs: int, others: bool) -> None:
    """Print one program's ratios."""
    script = folder / f"{name}.py"
    script.write_text(SETTING.replace("{model}", PROGRAMS[name]))
    python = [sys.executable]
    count = run([*python, str(script), str(seconds), "0"])[0]
    work = [str(script), "0", str(count)]
    ratios: dict[str, list[float]] = {"infprof run": [], "bare again": []}
    for _ in range(pairs):
        _, bare, answer = run([*python, *BARE(work, folder)])
        _, ours, same = run([*python, *OURS(work, folder)])
        _, again, _ = run([*python, *BARE(work, folder)])
        assert answer == same, f"{name}: the answers differ"
        ratios["infprof run"].append(ours / bare)
        ratios["bare again"].append(again / bare)
    for who, command in OTHERS.items() if others else ():
        fewer = max(count // 10, 1) if who.startswith("torch") else count
        part = [str(script), "0", str(fewer)]
        _, bare, _ = run([*python, *part])
        spy = ["py-spy", "record", "--nonblocking", "-o", str(folder / "spy.svg"), "--"]
        prefix = spy if who == "py-spy" else []
        ratios[who] = [run([*prefix, *python, *command(part, folder)])[1] / bare]
    print(f"{name}: {count} requests, answers equal", flush=True)
    for who, found in ratios.items():
        spread = f"   {min(found):.3f} to {max(found):.3f}, {len(found)} pairs" * (len(found) > 1)
        print(f"  {who:<24}x{statistics.median(found):.3f}{spread}", flush=True)


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
