"""The public zoo: scripts with one planted bottleneck each, or none, and what infprof says of them.

``python benchmarks/zoo.py [NAME...] [--runs 2] [--json FILE] [--keep DIR]`` records every script of
``benchmarks/zoo`` as a user would, slow and cured, and compares each report with the script's own
clock. Exit code 1 when a bar is missed. A crash, or a report that is not there, counts as wrong.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "zoo"

RANK_1, FALSE_PER_TEN, UNATTRIBUTED, POINTS = 0.95, 1.0, 0.05, 5.0
"""The bars: right first answers, false findings per ten healthy runs, time without a name in any
run, and percentage points between a share found and the script's own."""

LIMIT_SECONDS = 300
"""A script runs for about 8 s; one that needs this long hangs."""

SEVERE = ("high", "medium")

ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""How scripts are run whose ``threads`` are not their ``own``: on a busy machine, teams of threads
wait for one another in ways that no run repeats."""


@dataclass(frozen=True, slots=True)
class Script:
    """What a script's ``ZOO`` says, read without running it."""

    path: Path
    zoo: dict[str, Any]
    lines: frozenset[int]
    """Where the comments ``# planted`` stand."""

    def stages(self, cured: bool) -> tuple[str, ...]:
        """Stages that may come first in the report."""
        key = "cured_stage" if cured else "stage"
        return (self.zoo[key], *self.zoo.get(f"{key}_also", []))

    def rules(self) -> tuple[str, ...]:
        """Rules that may come first; nothing where the stage is all that can be asked for."""
        return tuple(rule for rule in (self.zoo["rule"], *self.zoo["also"]) if rule)

    def healthy(self, cured: bool) -> bool:
        """Whether nothing at all should be found."""
        return bool(self.zoo["healthy"] or (cured and self.zoo.get("healthy_when_cured", False)))


def scripts(names: list[str] | None = None) -> list[Script]:
    """The scripts of the zoo, or those with these names; what starts with ``_`` is no script."""
    found = sorted(FOLDER.glob("[!_]*.py"))
    if unknown := set(names or ()) - {path.stem for path in found}:
        raise SystemExit(f"No such script in the zoo: {', '.join(sorted(unknown))}.")
    return [read(path) for path in found if not names or path.stem in names]


def read(path: Path) -> Script:
    """A script's ``ZOO`` and its planted lines."""
    text = path.read_text()
    lines = frozenset(n for n, line in enumerate(text.splitlines(), 1) if "# planted" in line)
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ZOO":
            return Script(path, ast.literal_eval(node.value), lines)
    raise LookupError(f"{path.name} has no ZOO")


def truth_of(output: str) -> dict[str, Any] | None:
    """The line that a script prints about itself."""
    lines = [line for line in output.splitlines() if line.startswith("truth ")]
    truth: dict[str, Any] | None = json.loads(lines[-1].removeprefix("truth ")) if lines else None
    return truth


@dataclass(slots=True)
class Result:
    """One run, and what came of it."""

    name: str
    variant: str
    run: int
    healthy: bool
    planted: bool
    """Whether a finding is asked for; else none of medium or high weight is allowed."""
    expected_stages: tuple[str, ...]
    expected_rules: tuple[str, ...]
    stage: str | None = None
    first: str | None = None
    found: list[str] = field(default_factory=list)
    """Findings above info, those that are asked for included."""
    false: list[str] = field(default_factory=list)
    true_share: float | None = None
    found_share: float | None = None
    off: float | None = None
    """The worst difference of any stage's share in percentage points."""
    function: bool | None = None
    line: bool | None = None
    unattributed: float | None = None
    right: bool = False
    wrong: list[str] = field(default_factory=list)


def expected_of(script: Script, cured: bool, number: int) -> Result:
    """A result that says what is asked for, and nothing yet of what was found."""
    asked = not cured and not script.zoo["healthy"]
    return Result(
        name=script.path.stem,
        variant="healthy" if script.zoo["healthy"] else "cured" if cured else "slow",
        run=number,
        healthy=script.healthy(cured),
        planted=asked and bool(script.zoo["rule"]),
        expected_stages=script.stages(cured),
        expected_rules=script.rules() if asked else (),
    )


def run(script: Script, cured: bool, number: int, out: Path) -> Result:
    """Record one script and judge the report."""
    result = expected_of(script, cured, number)
    # what else runs on this machine is nothing that a script plants
    options = [*script.zoo.get("options", []), "--ignore", "starved-cpu", "-o", str(out)]
    command = [sys.executable, "-m", "infprof", "run", *options, str(script.path)]
    try:
        done = subprocess.run(
            command + (["--cured"] if cured else []),
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            env={**os.environ, **({} if "threads" in script.zoo else ONE_THREAD)},
        )
    except subprocess.TimeoutExpired:
        result.wrong.append(f"still running after {LIMIT_SECONDS} s")
        return result
    (out.parent / f"{out.name}.log").write_text(done.stdout + done.stderr)
    if done.returncode:
        result.wrong.append(f"exit code {done.returncode}")
    try:
        report = json.loads((out / "report.json").read_text())
    except (OSError, ValueError) as error:
        result.wrong.append(f"no report: {type(error).__name__}")
        return result
    judge(result, script, report, truth_of(done.stdout))
    return result


def judge(
    result: Result, script: Script, report: dict[str, Any], truth: dict[str, Any] | None
) -> None:
    """Fill in what was found, and what is wrong with it."""
    shares = {one["stage"]: one["share"] for one in report["breakdown"]["stages"]}
    if not report["latency"]["requests"] or not shares:
        result.wrong.append("no requests")
        return
    result.stage, result.unattributed = report["verdict"]["stage"], shares.get("unattributed", 0.0)
    compare_shares(result, shares, apart_share(report), truth)
    compare_findings(result, script, report["findings"])
    if result.stage not in (*result.expected_stages, longest(truth)):
        result.wrong.append(f"stage {result.stage}")
    result.right = not result.wrong
    # What follows has bars of its own and does not make a first answer wrong.
    if result.unattributed > UNATTRIBUTED:
        result.wrong.append(f"{100 * result.unattributed:.0f} % unattributed")
    if result.off is not None and result.off > POINTS:
        result.wrong.append(f"{result.off:.0f} points off")
    if result.planted and False in (result.function, result.line):
        result.wrong.append(f"does not name the {'line' if result.function else 'function'}")


def longest(truth: dict[str, Any] | None) -> str | None:
    """The stage that took longer than what is planted by the script's own clock, if one did: how
    long the model takes depends on the machine, and what is planted often does not."""
    if truth is None or truth["share"] is None or not truth["stages"]:
        return None
    stage, share = max(truth["stages"].items(), key=lambda pair: float(pair[1]))
    return str(stage) if share > truth["share"] else None


def apart_share(report: dict[str, Any]) -> float:
    """Share of the garbage collector's pauses, which the report counts as ``python``, and of the
    profiler's own time."""
    leaves = [leaf for one in report["breakdown"]["stages"] for leaf in one.get("leaves", [])]
    apart = "python.garbage collection", "profiler."
    time = sum(one["exposed_ms"] for one in leaves if one["leaf"].startswith(apart))
    return float(time / report["breakdown"]["wall_ms"]) if time else 0.0


def compare_shares(
    result: Result, shares: dict[str, float], apart: float, truth: dict[str, Any] | None
) -> None:
    """Against the script's own clock, where it could time the pieces."""
    if truth is None:
        result.wrong.append("no truth line")
        return
    pairs = [
        (share, found_of(shares, stage, share, apart)) for stage, share in truth["stages"].items()
    ]
    if result.variant != "cured" and truth["share"] is not None:
        # Where more than one stage is right, the plant may be in any of them.
        true = result.true_share = float(truth["share"])
        allowed = [found_of(shares, stage, true, apart) for stage in result.expected_stages]
        result.found_share = min(allowed, key=lambda one: abs(one - true))
        pairs.append((result.true_share, result.found_share))
    result.off = max((100 * abs(true - found) for true, found in pairs), default=None)


def found_of(shares: dict[str, float], stage: str, true: float, apart: float) -> float:
    """What the report gives a stage.

    The interpreter's time inside the model is ``python`` in the report, and a script's clock cannot
    tell it from compute; nor can it tell the collector's pauses, and what the profiler itself does,
    from the stage they fall in. Anything between the two readings is right.
    """
    found = shares.get(stage, 0.0)
    most = found + apart + (shares.get("python", 0.0) if stage == "compute" else 0.0)
    return min(max(true, found), most)


def compare_findings(result: Result, script: Script, findings: list[dict[str, Any]]) -> None:
    """The first finding of a slow script, and findings that should not be there."""
    result.first = findings[0]["rule"] if findings else None
    asked = result.expected_rules if result.planted else ()
    result.found = [
        one["rule"] for one in findings if one["severity"] != "info" or one["rule"] in asked
    ]
    if result.healthy:
        result.false = list(result.found)
    elif result.variant == "cured":
        severe = [one["rule"] for one in findings if one["severity"] in SEVERE]
        may_stay = script.zoo.get("rule_when_cured", False)
        result.false = [one for one in severe if one == script.zoo["rule"] and not may_stay]
    elif result.planted:
        result.false = [one for one in result.found if one not in result.expected_rules]
        named = [
            one
            for finding in findings
            if finding["rule"] in result.expected_rules
            for one in names_of(finding)
        ]
        if script.zoo.get("has_place", True):
            result.function = any(script.zoo["function"] in one for one in named)
            places = [f"{script.path.name}:{line}" for line in script.lines]
            result.line = any(
                place + end in one for one in named for place in places for end in ") ,"
            )
        if result.first not in result.expected_rules:
            result.wrong.append(f"first finding {result.first}")
    elif result.found and result.first not in result.expected_rules:
        result.wrong.append(f"first finding {result.first}")
    if result.false and not result.planted:
        result.wrong.append(f"false: {', '.join(result.false)}")


def names_of(finding: dict[str, Any]) -> list[str]:
    """Where a finding says that it is; a space at the end marks the end of a line number."""
    return [f"{one['name']} {one.get('detail', '')} " for one in finding["where"]]


HEADS = (
    "script",
    "variant",
    "stage",
    "found",
    "share",
    "found",
    "off",
    "rule",
    "first finding",
    "fn",
    "line",
    "unattr",
    "",
)


def row(one: Result) -> tuple[str, ...]:
    """A line of the table."""

    def percent(share: float | None) -> str:
        return "-" if share is None else f"{100 * share:.1f}"

    def yes(value: bool | None) -> str:
        return "-" if value is None else "yes" if value else "no"

    return (
        one.name,
        one.variant,
        "|".join(one.expected_stages),
        one.stage or "-",
        percent(one.true_share),
        percent(one.found_share),
        "-" if one.off is None else f"{one.off:.1f}",
        one.expected_rules[0] if one.expected_rules else "-",
        one.first or "-",
        yes(one.function),
        yes(one.line),
        percent(one.unattributed),
        "; ".join(one.wrong) or "ok",
    )


WIDTHS = (26, 8, 30, 13, 6, 6, 5, 24, 24, 4, 5, 7, 0)


def show(cells: tuple[str, ...]) -> None:
    """Print a line at once: a whole zoo takes many minutes."""
    pairs = zip(cells, WIDTHS, strict=True)
    cut = (f"{cell[: width - 1] if width else cell:<{width}}" for cell, width in pairs)
    print("".join(cut).rstrip(), flush=True)


@dataclass(frozen=True, slots=True)
class Score:
    """All runs together."""

    runs: int
    rank_1: float
    precision: float | None
    recall: float | None
    false_per_ten: float | None
    worst_unattributed: float | None
    planted_within: int
    planted_timed: int
    """Of the shares of planted stages, and of what healthy scripts mostly do: these have a bar."""
    within: int
    timed: int
    """Of the worst stage of each run, planted or not."""
    named: int
    planted: int

    @property
    def missed(self) -> list[str]:
        """The bars that were missed."""
        bars = {
            "rank-1": self.rank_1 < RANK_1,
            "false findings": (self.false_per_ten or 0) > FALSE_PER_TEN,
            "unattributed": self.worst_unattributed is None
            or self.worst_unattributed > UNATTRIBUTED,
            "shares": self.planted_within < self.planted_timed or not self.planted_timed,
        }
        return [name for name, missed in bars.items() if missed]


def score(results: list[Result]) -> Score:
    """Precision and recall are over findings above info: asked for, and there."""
    planted = [one for one in results if one.planted]
    quiet = [one for one in results if one.healthy or one.variant == "cured"]
    hits = sum(any(rule in one.expected_rules for rule in one.found) for one in planted)
    false = sum(len(one.false) for one in results)
    # A run that came to nothing was timed in vain, so it is not within the bar.
    timed = [one.off for one in results if one.off is not None or one.stage is None]
    shares = [
        100 * abs(one.true_share - one.found_share)
        for one in results
        if one.true_share is not None and one.found_share is not None
    ]
    lost = sum(one.stage is None and one.variant != "cured" for one in results)
    dark = [one.unattributed for one in results if one.unattributed is not None]
    return Score(
        runs=len(results),
        rank_1=sum(one.right for one in results) / max(len(results), 1),
        precision=hits / (hits + false) if hits + false else None,
        recall=hits / len(planted) if planted else None,
        false_per_ten=10 * sum(len(one.false) for one in quiet) / len(quiet) if quiet else None,
        worst_unattributed=max(dark, default=None),
        planted_within=sum(one <= POINTS for one in shares),
        planted_timed=len(shares) + lost,
        within=sum(one is not None and one <= POINTS for one in timed),
        timed=len(timed),
        named=sum(bool(one.function and one.line) for one in planted),
        planted=sum(one.function is not None for one in planted),
    )


def setting() -> str:
    """What the numbers were measured with."""

    def of(package: str) -> str:
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            return f"no {package}"

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ", ".join(of(name) for name in ("infprof", "torch", "numpy", "pillow"))
    when = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    where = f"{platform.system()} {platform.machine()}, {cores} cores"
    return f"{when}, {where}, python {platform.python_version()}, {packages}"


def summary(total: Score) -> str:
    """The lines under the table."""

    def percent(share: float | None) -> str:
        return "-" if share is None else f"{100 * share:.1f} %"

    false = "-" if total.false_per_ten is None else f"{total.false_per_ten:.1f}"
    return (
        f"\nrank-1 right                    {percent(total.rank_1)} of {total.runs} runs\n"
        f"precision, recall               {percent(total.precision)}, {percent(total.recall)}\n"
        f"false per 10 healthy            {false}\n"
        f"worst unattributed              {percent(total.worst_unattributed)}\n"
        f"planted shares within 5 points  {total.planted_within}/{total.planted_timed}\n"
        f"worst share of each run within  {total.within}/{total.timed}\n"
        f"function and line               {total.named}/{total.planted}\n"
        f"{setting()}\n"
        + (f"missed: {', '.join(total.missed)}" if total.missed else "all bars met")
    )


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help="scripts to run; without any, all")
    parser.add_argument("--runs", type=int, default=2, help="how often to run each")
    parser.add_argument("--json", type=Path, help="write the results here")
    parser.add_argument("--keep", type=Path, help="keep reports, recordings and output here")
    return parser.parse_args()


def main() -> int:
    """Run, print, and say whether the bars are met."""
    chosen, results = parse(), list[Result]()
    show(HEADS)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(chosen.keep or scratch).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for script in scripts(chosen.names):
            for cured in (False,) if script.zoo["healthy"] else (False, True):
                for number in range(1, chosen.runs + 1):
                    kind = "cured" if cured else "slow"
                    out = folder / f"{script.path.stem}-{kind}-{number}"
                    results.append(run(script, cured, number, out))
                    show(row(results[-1]))
    total = score(results)
    print(summary(total))
    if chosen.json:
        data = {
            "setting": setting(),
            "score": asdict(total),
            "runs": [asdict(one) for one in results],
        }
        chosen.json.write_text(json.dumps(data, indent=1))
    return bool(total.missed)


if __name__ == "__main__":
    sys.exit(main())
