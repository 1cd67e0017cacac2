"""The Python half of ``scripts/gpu-session``: run examples and keep them, measure our overhead."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from keep_recording import keep

import infprof
from tests.run_example import EXAMPLES, Ran, expected, names, run

WHOLE_PLAN = ("--warmup", "3", "--plain", "10", "--window", "5", "--windows", "2")
SMALL_PLAN = ("--warmup", "3", "--plain", "2", "--window", "2", "--windows", "1")
"""For the recordings: two traced requests."""

MOST_BYTES = 1_000_000

PAIRS = 3
OVERHEAD_SECONDS = 20.0
"""How long the bare script should run, so that its start does not hide what we cost."""


def gpu_name() -> str:
    """``NVIDIA H200`` as ``h200``, for names of folders."""
    import torch

    name = torch.cuda.get_device_name(0).lower().replace("nvidia", "").strip()
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")


def all_examples(out: Path) -> bool:
    """Run every GPU example and the case study, planted and cured; whether all went as expected."""
    rows = ["| example | first finding | all findings | limit | shares | p50 ms | as expected |"]
    rows.append("|---|---|---|---|---|---|---|")
    good = True
    for name in ["image_service", *names(gpu=True)]:
        for options in ((), ("--cured",)):
            row, fine = one_example(name, options, out)
            rows.append(row)
            print(row, flush=True)
            good &= fine
            (out / "examples.md").write_text("\n".join(rows) + "\n")
    return good


def one_example(name: str, options: tuple[str, ...], out: Path) -> tuple[str, bool]:
    """Run one for its report and again, shortly, for its recording."""
    label = f"{name}{'-cured' if options else ''}"
    reports = out / "reports"
    reports.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder) / "whole", Path(folder) / "small"
        try:
            ran = run(name, whole, "--requests", "40", *options, plan=WHOLE_PLAN)
            (reports / f"{label}.json").write_bytes((whole / "report.json").read_bytes())
            (reports / f"{label}.txt").write_text(ran.errors)
            run(name, small, "--requests", "10", *options, plan=SMALL_PLAN)
            target = out / "recordings" / f"{label}-{gpu_name()}"
            target.parent.mkdir(exist_ok=True)
            size = keep(small, target)
        except Exception as error:  # the other examples must still be run
            return f"| {label} | {type(error).__name__}: {error} | | | | | NO |", False
    note = "" if size <= MOST_BYTES else f", recording of {size} bytes is too large"
    fine = as_expected(name, ran, cured=bool(options)) and not note
    return describe(label, ran, f"{'yes' if fine else 'NO'}{note}"), fine


def as_expected(name: str, ran: Ran, *, cured: bool) -> bool:
    """Whether a planted run blames what was planted; whether a cured one is clean.

    The case study's cured twin still waits for its decoders on a fast GPU, and may say so.
    """
    if ran.exit_code != 0:
        return False
    if not cured:
        return ran.first == expected(name)
    return not ran.severe or (name == "image_service" and ran.severe == ["cpu-image-decode"])


def describe(label: str, ran: Ran, verdict: str) -> str:
    """A row of the table."""
    report = ran.report
    found = ", ".join(
        f"{one.rule} {one.severity} {one.saving.share_high:.0%}" for one in report.findings
    )
    shares = ", ".join(f"{one.stage} {one.share:.1%}" for one in report.breakdown.stages)
    limit, p50 = report.verdict.limit, report.latency.p50_ms
    return f"| {label} | {ran.first} | {found} | {limit} | {shares} | {p50} | {verdict} |"


def seconds(command: list[str]) -> float:
    """Wall time of a command, start and end included."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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


if __name__ == "__main__":
    part, folder = sys.argv[1], Path(sys.argv[2])
    sys.exit(0 if {"examples": all_examples, "overhead": overhead}[part](folder) else 1)
