"""Findings that make others wrong: those are withheld, or believed less (CATALOGUE 1.11).

A rule says so itself. ``NOT_WHILE`` names the rules that, while they find something, make its own
findings wrong, each with the reason; ``ANY_OTHER`` stands for all of them. ``DOUBTS_OTHERS = True``
is for rules about the measurement.
"""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

from infprof.rules.choice import Choice, catalog
from infprof.rules.finding import LESS_SURE, Outcome, Verdict

ANY_OTHER = "*"


def settled(verdicts: list[Verdict], choice: Choice | None = None) -> list[Verdict]:
    """The verdicts, seen together, each with what its rule says of itself."""
    rules = (choice or Choice(catalog())).rules
    found = {one.rule for one in verdicts if one.outcome is Outcome.FOUND}
    kept = [_unless_blocked(one, rules[one.rule], found) for one in verdicts]
    doubted_by = {rule for rule in found if getattr(rules[rule], "DOUBTS_OTHERS", False)}
    return [
        replace(
            _less_sure(one) if doubted_by - {one.rule} else one,
            doubts_others=one.rule in doubted_by,
            step=getattr(rules[one.rule], "STEP", None),
        )
        for one in kept
    ]


def _unless_blocked(verdict: Verdict, rule: ModuleType, found: set[str]) -> Verdict:
    blockers = getattr(rule, "NOT_WHILE", {})
    if verdict.outcome is not Outcome.FOUND or not isinstance(blockers, dict):
        return verdict
    for blocker, why in blockers.items():
        open_ = found - {verdict.rule} if blocker == ANY_OTHER else found & {blocker}
        if open_:
            return Verdict(verdict.rule, Outcome.UNKNOWN, f"{min(open_)} comes first: {why}")
    return verdict


def _less_sure(verdict: Verdict) -> Verdict:
    findings = (
        replace(one, saving=replace(one.saving, confidence=LESS_SURE[one.saving.confidence]))
        for one in verdict.findings
    )
    return replace(verdict, findings=tuple(findings))
