"""Run an example as a user would, ``infprof run examples/NAME.py``, and read its report."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from infprof.reports.report import Report

EXAMPLES = Path(__file__).parent.parent / "examples"

NOT_EXAMPLES = ("shared", "resnet50")

ATTEMPTS = 3

LONGEST_SECONDS = 300
"""A run takes some ten seconds, on a GPU up to a minute; one that needs this long hangs."""

SEVERE = ("high", "medium")


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of one run."""

    exit_code: int
    errors: str
    report: Report

    @property
    def first(self) -> str | None:
        """The rule of the first finding."""
        return self.report.findings[0].rule if self.report.findings else None

    @property
    def severe(self) -> list[str]:
        """Rules of the findings above ``low``."""
        return [one.rule for one in self.report.findings if one.severity in SEVERE]

    def share(self, stage: str) -> float | None:
        """A stage's share of the wall, ``None`` where it was not seen."""
        found = (one.share for one in self.report.breakdown.stages if one.stage == stage)
        return next(found, None)


def names(*, gpu: bool) -> list[str]:
    """The examples that need a GPU, or those that do not."""
    paths = (path for path in EXAMPLES.glob("*.py") if path.stem not in NOT_EXAMPLES)
    return sorted(path.stem for path in paths if ("leave_without_gpu()" in path.read_text()) == gpu)


def expected(name: str) -> str:
    """The rule that an example says it plants: its ``EXPECT``, read without running it."""
    for node in ast.parse((EXAMPLES / f"{name}.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EXPECT":
            return str(ast.literal_eval(node.value))
    raise LookupError(f"examples/{name}.py has no EXPECT")


def run(name: str, out: Path, *options: str, plan: tuple[str, ...] = ()) -> Ran:
    """Run ``infprof run`` on an example in a folder of its own.

    One thread for torch: with more, OpenMP's barriers stall for whole time slices wherever other
    programs want the cores too, and the tests would measure that. A measurement that says of itself
    that it is not valid, because the machine was too busy, is made again; so is one with time that
    nothing explains, as a single stall is in six requests of 4 ms. What else runs on the machine is
    nothing that an example plants: ``starved-cpu`` is not asked.
    """
    for _ in range(ATTEMPTS):
        ran = _run(name, out, *options, plan=plan)
        quality = ran.report.quality
        if quality.level != "invalid" and "unattributed" not in {one.code for one in quality.notes}:
            break
    return ran


def command(name: str, out: Path, *options: str, plan: tuple[str, ...] = ()) -> list[str]:
    """What a user would type behind ``python``."""
    script = str(EXAMPLES / f"{name}.py")
    return ["-m", "infprof", "run", *plan, "-o", str(out), script, *options]


def _run(name: str, out: Path, *options: str, plan: tuple[str, ...]) -> Ran:
    plan = (*plan, "--ignore", "starved-cpu")
    done = subprocess.run(
        [sys.executable, *command(name, out, *options, plan=plan)],
        timeout=LONGEST_SECONDS,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=out.parent,
        capture_output=True,
        text=True,
    )
    written = out / "report.json"
    assert written.is_file(), done.stderr
    return Ran(done.returncode, done.stderr, Report.model_validate_json(written.read_bytes()))
