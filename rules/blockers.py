"""Findings that make others wrong: those are withheld, or believed less (CATALOGUE 1.11).

A rule says so itself. ``NOT_WHILE`` names the rules that, while they find something, make its own
findings wrong, each with the reason, unless what they find is too small to be behind those;
``ANY_OTHER`` stands for all of them. ``DOUBTS_OTHERS = True`` is for rules about the measurement,
and ``ABOUT_THE_MACHINE = True`` for those that may say why it is not valid.
"""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

from infprof.rules.choice import Choice, catalog
from infprof.rules.finding import LESS_SURE, Outcome, Verdict

ANY_OTHER = "*"

MOSTLY = 0.5
"""A blocker that explains less than half of a finding leaves most of it standing."""


def settled(verdicts: list[Verdict], choice: Choice | None = None) -> list[Verdict]:
    """The verdicts, seen together, each with what its rule says of itself."""
    rules = (choice or Choice(catalog())).rules
    found = {one.rule: one for one in verdicts if one.outcome is Outcome.FOUND}
    kept = [_unless_blocked(one, rules[one.rule], found) for one in verdicts]
    doubted_by = {rule for rule in found if getattr(rules[rule], "DOUBTS_OTHERS", False)}
    return [
        replace(
            _less_sure(one) if doubted_by - {one.rule} else one,
            doubts_others=one.rule in doubted_by,
            step=getattr(rules[one.rule], "STEP", None),
            about_machine=getattr(rules[one.rule], "ABOUT_THE_MACHINE", False) is True,
        )
        for one in kept
    ]


def _unless_blocked(verdict: Verdict, rule: ModuleType, found: dict[str, Verdict]) -> Verdict:
    blockers = getattr(rule, "NOT_WHILE", {})
    if verdict.outcome is not Outcome.FOUND or not isinstance(blockers, dict):
        return verdict
    for blocker, why in blockers.items():
        others = found.keys() - {verdict.rule} if blocker == ANY_OTHER else found.keys() & {blocker}
        behind = [one for one in others if _may_be_behind(found[one], verdict)]
        if behind:
            return Verdict(verdict.rule, Outcome.UNKNOWN, f"{min(behind)} comes first: {why}")
    return verdict


def _may_be_behind(blocker: Verdict, verdict: Verdict) -> bool:
    """Whether what one finds could be the reason for what the other does: it takes as much time, or
    claims none."""
    own = max((one.saving.high_ns for one in blocker.findings), default=0)
    other = max((one.saving.high_ns for one in verdict.findings), default=0)
    return not own or own >= MOSTLY * other


def _less_sure(verdict: Verdict) -> Verdict:
    findings = (
        replace(one, saving=replace(one.saving, confidence=LESS_SURE[one.saving.confidence]))
        for one in verdict.findings
    )
    return replace(verdict, findings=tuple(findings))
