"""A report of infprof's, compared with what a script plants and with the script's own clock."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from zoo_scripts import Script

UNATTRIBUTED, POINTS = 0.05, 5.0
"""Bars of each run: time without a name, and percentage points between a share found and the
script's own."""

SEVERE = ("high", "medium")


def truth_of(output: str) -> dict[str, Any] | None:
    """The line that a script prints about itself."""
    lines = [line for line in output.splitlines() if line.startswith("truth ")]
    truth: dict[str, Any] | None = json.loads(lines[-1].removeprefix("truth ")) if lines else None
    return truth


@dataclass(slots=True)
class Result:
    """One run, and what came of it."""

    name: str
    how: str
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
        how=script.how,
        variant="healthy" if script.zoo["healthy"] else "cured" if cured else "slow",
        run=number,
        healthy=script.healthy(cured),
        planted=asked and bool(script.zoo["rule"]),
        expected_stages=script.stages(cured),
        expected_rules=script.rules() if asked else (),
    )


def judge(
    result: Result, script: Script, report: dict[str, Any], truth: dict[str, Any] | None
) -> None:
    """Fill in what was found, and what is wrong with it. Where infprof saw no program, nothing can
    be asked of its shares and lines."""
    result.stage = report["verdict"]["stage"]
    if script.how == "run":
        shares = {one["stage"]: one["share"] for one in report["breakdown"]["stages"]}
        if not report["latency"]["requests"] or not shares:
            result.wrong.append("no requests")
            return
        result.unattributed = shares.get("unattributed", 0.0)
        compare_shares(result, shares, apart_share(report), truth)
    compare_findings(result, script, report["findings"])
    if result.expected_stages and result.stage not in (*result.expected_stages, longest(truth)):
        result.wrong.append(f"stage {result.stage}")
    result.right = not result.wrong
    # What follows has bars of its own and does not make a first answer wrong.
    if result.unattributed is not None and result.unattributed > UNATTRIBUTED:
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
    asked = result.expected_rules if result.planted else ()  # some save nothing of a request's time
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
        result.false = [one for one in result.found if one not in script.true()]
        if result.first not in result.expected_rules:
            result.wrong.append(f"first finding {result.first}")
        if script.how == "run" and script.zoo.get("has_place", True):
            compare_places(result, script, findings)
    elif result.found and result.first not in result.expected_rules:
        result.wrong.append(f"first finding {result.first}")
    if result.false and not result.planted:
        result.wrong.append(f"false: {', '.join(result.false)}")


def compare_places(result: Result, script: Script, findings: list[dict[str, Any]]) -> None:
    """Whether the findings that are asked for name the function and a planted line."""
    named = [
        one
        for finding in findings
        if finding["rule"] in result.expected_rules
        for one in names_of(finding)
    ]
    result.function = any(script.zoo["function"] in one for one in named)
    places = [f"{script.path.name}:{line}" for line in script.lines]
    result.line = any(place + end in one for one in named for place in places for end in ") ,")


def names_of(finding: dict[str, Any]) -> list[str]:
    """Where a finding says that it is; a space at the end marks the end of a line number."""
    return [f"{one['name']} {one.get('detail', '')} " for one in finding["where"]]
