"""The Python half of ``scripts/gpu-session``: run examples and keep them, measure our overhead.

``gpu_session.py examples OUT [NAME...] [--dry]``, ``gpu_session.py overhead OUT [--dry]``; with
``--dry`` it prints what it would do, and does nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from keep_recording import MOST_BYTES, keep

import infprof
from tests.run_example import EXAMPLES, Ran, command, expected, names, run

WHOLE_PLAN = ("--warmup", "3", "--plain", "10", "--window", "5", "--windows", "2")
SMALL_PLAN = ("--warmup", "3", "--plain", "2", "--window", "2", "--windows", "1")
"""For recordings of ten traced requests that are too large: two."""

PAIRS = 3
OVERHEAD_SECONDS = 20.0
"""How long the bare script should run, so that its start does not hide what we cost."""


def device_name() -> str:
    """``NVIDIA H200`` as ``h200``, for names of folders; ``cpu`` where there is no GPU."""
    import torch

    if not torch.cuda.is_available():
        return "cpu"
    name = torch.cuda.get_device_name(0).lower().replace("nvidia", "").strip()
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")


@dataclass(frozen=True, slots=True)
class Turn:
    """One example, planted or cured."""

    name: str
    options: tuple[str, ...]
    out: Path

    @property
    def label(self) -> str:
        """``launch_bound-cured``."""
        return f"{self.name}{'-cured' if self.options else ''}"

    @property
    def kept_as(self) -> Path:
        """Where its recording will lie."""
        return self.out / "recordings" / f"{self.label}-{device_name()}"

    def describe(self) -> str:
        """What a dry run says: the command, what should come of it, where it is kept."""
        line = command(self.name, Path("OUT"), "--requests", "40", *self.options, plan=WHOLE_PLAN)
        rule = expected(self.name) if not self.options else "nothing above low"
        return f"python {shlex.join(line)}\n  expects {rule}; kept as {self.kept_as}"


def turns(chosen: list[str], out: Path) -> list[Turn]:
    """The examples with these names, or those for a GPU and the case study; each planted, then
    cured."""
    known = [*names(gpu=True), *names(gpu=False)]
    if unknown := sorted(set(chosen) - set(known)):
        raise SystemExit(f"No such example: {', '.join(unknown)}.")
    wanted = chosen or ["image_service", *names(gpu=True)]
    return [Turn(name, options, out) for name in wanted for options in ((), ("--cured",))]


def all_examples(chosen: list[Turn], out: Path) -> bool:
    """Run them all; whether all went as expected."""
    rows = ["| example | first finding | all findings | limit | shares | p50 ms | as expected |"]
    rows.append("|---|---|---|---|---|---|---|")
    good = True
    for turn in chosen:
        row, fine = one_example(turn)
        rows.append(row)
        print(row, flush=True)
        good &= fine
        (out / "examples.md").write_text("\n".join(rows) + "\n")
    return good


def one_example(turn: Turn) -> tuple[str, bool]:
    """Run one for its report, and again, shortly, if that makes too large a recording."""
    reports = turn.out / "reports"
    for folder in (reports, turn.kept_as.parent):
        folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder) / "whole", Path(folder) / "small"
        try:
            ran = run(turn.name, whole, "--requests", "40", *turn.options, plan=WHOLE_PLAN)
            (reports / f"{turn.label}.json").write_bytes((whole / "report.json").read_bytes())
            (reports / f"{turn.label}.txt").write_text(ran.errors)
            size = keep(whole, turn.kept_as)
            if size > MOST_BYTES["gpu"]:
                run(turn.name, small, "--requests", "10", *turn.options, plan=SMALL_PLAN)
                size = keep(small, turn.kept_as)
        except Exception as error:  # the other examples must still be run
            return f"| {turn.label} | {type(error).__name__}: {error} | | | | | NO |", False
    note = "" if size <= MOST_BYTES["gpu"] else f", recording of {size} bytes is too large"
    fine = as_expected(turn, ran) and not note
    return describe(turn.label, ran, f"{'yes' if fine else 'NO'}{note}"), fine


def as_expected(turn: Turn, ran: Ran) -> bool:
    """Whether a planted run blames what was planted; whether a cured one is clean.

    The case study's cured twin still waits for its decoders on a fast GPU, and may say so.
    """
    if ran.exit_code != 0:
        return False
    if not turn.options:
        return ran.first == expected(turn.name)
    return not ran.severe or (turn.name == "image_service" and ran.severe == ["cpu-image-decode"])


def describe(label: str, ran: Ran, verdict: str) -> str:
    """A row of the table."""
    report = ran.report
    found = ", ".join(
        f"{one.rule} {one.severity} {one.saving.share_high:.0%}" for one in report.findings
    )
    shares = ", ".join(f"{one.stage} {one.share:.1%}" for one in report.breakdown.stages)
    limit, p50 = report.verdict.limit, report.latency.p50_ms
    return f"| {label} | {ran.first} | {found} | {limit} | {shares} | {p50} | {verdict} |"


def seconds(line: list[str]) -> float:
    """Wall time of a command, start and end included."""
    began = time.perf_counter()
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def overhead(out: Path) -> bool:
    """The case study bare and under ``infprof run``, by turns; and what a mark costs."""
    script = str(EXAMPLES / "image_service.py")
    short, long = (seconds([sys.executable, script, "--requests", n]) for n in ("20", "120"))
    requests = str(max(round(OVERHEAD_SECONDS / max((long - short) / 100, 1e-4)), 40))
    bare_command = [sys.executable, script, "--requests", requests]
    bare, with_us = [], []
    with tempfile.TemporaryDirectory() as folder:
        run_command = [sys.executable, "-m", "infprof", "run", "-o", f"{folder}/out"]
        for _ in range(PAIRS):
            bare.append(seconds(bare_command))
            with_us.append(seconds([*run_command, *bare_command[1:]]))
    ratios = [ours / theirs for ours, theirs in zip(with_us, bare, strict=True)]
    found = {
        "requests": int(requests),
        "bare_s": bare,
        "infprof_run_s": with_us,
        "ratio_median": statistics.median(ratios),
        "annotate_outside_a_window_ns": annotate_ns(),
    }
    (out / "overhead.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found))
    return True


def annotate_ns(times: int = 200_000) -> float:
    """What ``annotate`` costs where nobody listens, the loop around it taken off."""
    began = time.perf_counter_ns()
    for _ in range(times):
        pass
    empty = time.perf_counter_ns() - began
    began = time.perf_counter_ns()
    for _ in range(times):
        with infprof.annotate("mark", stage="compute"):
            pass
    return (time.perf_counter_ns() - began - empty) / times


def main() -> bool:
    """The command line; whether all went well."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("part", choices=["examples", "overhead"])
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*", help="examples, else those for a GPU")
    parser.add_argument("--dry", action="store_true", help="print what would be done")
    args = parser.parse_args()
    if args.part == "overhead":
        if args.dry:
            print(f"image_service.py, {PAIRS} times bare and {PAIRS} times under infprof run")
        return args.dry or overhead(args.out)
    chosen = turns(args.names, args.out)
    if args.dry:
        print("\n".join(turn.describe() for turn in chosen))
        return True
    return all_examples(chosen, args.out)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
