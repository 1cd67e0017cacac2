"""What ``infprof run`` adds to a whole script: three kinds of programs, bare and recorded in turn.

``python benchmarks/overhead.py [seconds] [rounds]`` prints medians of the walls that the programs
measure of themselves (imports and our analysis at the end left out) and of the whole commands. A
bare run against a bare run shows the noise. Bar: 1.05 for a script of 30 s or more with default
settings.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SETTING = """
import sys, time, torch, infprof
torch.set_num_threads(1)
torch.manual_seed(0)
seconds = float(sys.argv[1])
{model}
began = time.perf_counter()
# a fixed amount of work, sized on the first run
count = int(sys.argv[2])
done = 0
while done < count if count else time.perf_counter() - began < seconds:
    with infprof.request(), torch.inference_mode():
        serve()
    done += 1
print(done, time.perf_counter() - began)
"""

PROGRAMS = {
    "launch-heavy": """
x = torch.ones(16)
def serve():
    y = x
    for _ in range(200):
        y = y * 1.01 + 0.5
""",
    "matmul-heavy": """
a = torch.randn(512, 512)
def serve():
    y = a
    for _ in range(4):
        y = y @ a
""",
    "decode-like": """
layers = [torch.nn.TransformerEncoderLayer(128, 4, 256, batch_first=True).eval() for _ in range(2)]
head = torch.nn.Linear(128, 1000)
def serve():
    tokens = torch.zeros(1, 1, 128)
    for _ in range(16):
        y = tokens
        for layer in layers: y = layer(y)
        chosen = head(y[:, -1]).argmax().item()
        tokens = torch.cat([tokens, torch.full((1, 1, 128), chosen / 1000)], 1)
""",
}


def run(script: Path, seconds: float, count: int, out: Path | None) -> tuple[int, float, float]:
    """Requests done, the wall that the program saw, and the wall of the whole command."""
    prefix = ["-m", "infprof", "run", "-o", str(out)] if out else []
    command = [sys.executable, *prefix, str(script), str(seconds), str(count)]
    began = time.perf_counter()
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(said.split()[0]), float(said.split()[1]), time.perf_counter() - began


def compare(name: str, folder: Path, seconds: float, rounds: int) -> None:
    """Print one program's ratios."""
    script = folder / f"{name}.py"
    script.write_text(SETTING.format(model=PROGRAMS[name]))
    count = run(script, seconds, 0, None)[0]
    inner: dict[str, list[float]] = {"bare": [], "again": [], "ours": []}
    whole: dict[str, list[float]] = {"bare": [], "again": [], "ours": []}
    for _ in range(rounds):
        for kind in inner:
            _, mine, all_of_it = run(script, 0, count, folder / "out" if kind == "ours" else None)
            inner[kind].append(mine)
            whole[kind].append(all_of_it)
    program, noise, command = (
        statistics.median(a / b for a, b in zip(times[kind], times["bare"], strict=True))
        for times, kind in ((inner, "ours"), (inner, "again"), (whole, "ours"))
    )
    base = statistics.median(inner["bare"])
    print(
        f"{name:<14}{count:>7} requests{base:7.1f} s   program x{program:.3f}"
        f"   bare again x{noise:.3f}   whole command x{command:.3f}",
        flush=True,
    )


def main() -> None:
    """All programs."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        for name in PROGRAMS:
            compare(name, Path(folder), seconds, rounds)


if __name__ == "__main__":
    main()
