"""Rules asked about an engine that told of its requests, and whose threads were seen from outside.

What a rule finds in the threads' work is a share of that work, not time of a request: an engine's
threads work for many requests at once, and mostly while these wait for something else. So it is
told, and no saving is claimed.
"""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

from infprof.rules.choice import Choice, catalog
from infprof.rules.engine import judge
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Finding, Saving, Verdict

OF_REQUESTS = {"served", "load", "service"}
"""Needs that what was told meets."""


def judge_beside(
    request: Evidence, threads: Evidence, choice: Choice | None = None
) -> list[Verdict]:
    """One verdict per rule, in order of id, from the evidence that has what it needs."""
    chosen = choice or Choice(catalog())
    of_threads = {one.rule: one for one in judge(threads, choice=chosen)}
    return [
        one if _is_of_requests(chosen.rules[one.rule]) else _without_time(of_threads[one.rule])
        for one in judge(request, choice=chosen)
    ]


def _is_of_requests(rule: ModuleType) -> bool:
    return bool(OF_REQUESTS & set(getattr(rule, "NEEDS", ())))


def _without_time(verdict: Verdict) -> Verdict:
    return replace(verdict, findings=tuple(map(_told, verdict.findings)))


def _told(finding: Finding) -> Finding:
    why = f"In what the server's threads did: {finding.why[:1].lower()}{finding.why[1:]}"
    return replace(finding, why=why, saving=Saving(0, 0, "C", "none"), change=None)
