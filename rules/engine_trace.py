"""Rules asked about an engine that told of its requests, and traced a stretch of its own work.

What a rule finds in the trace is a share of that stretch, not time of a request. If all steps of
the engine get shorter by a share, so does the time that a request spends in the model: that much,
and no more, is claimed.
"""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

from infprof.rules.choice import Choice, catalog
from infprof.rules.engine import GATE_SHARE, judge
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Finding, Outcome, Verdict
from infprof.rules.whole import of_the_whole

OF_A_TRACE = {"device", "ops", "shapes"}
"""Needs that only the trace meets."""


def judge_both(request: Evidence, trace: Evidence, choice: Choice | None = None) -> list[Verdict]:
    """One verdict per rule, in order of id, from the evidence that has what it needs."""
    chosen = choice or Choice(catalog())
    in_trace = {one.rule: one for one in judge(trace, choice=chosen)}
    return [
        _of_requests(in_trace[one.rule], chosen.rules[one.rule], request, trace)
        if _looks_inside(chosen.rules[one.rule])
        else one
        for one in judge(request, choice=chosen)
    ]


def _looks_inside(rule: ModuleType) -> bool:
    return bool(OF_A_TRACE & set(getattr(rule, "NEEDS", ())))


def _of_requests(verdict: Verdict, rule: ModuleType, request: Evidence, trace: Evidence) -> Verdict:
    if verdict.outcome is not Outcome.FOUND:
        return verdict
    exempt = bool(getattr(rule, "ALWAYS_REPORT", False))
    found = [_of_a_request(one, request, trace) for one in verdict.findings]
    worth = [one for one in found if exempt or request.share(one.saving.high_ns) >= GATE_SHARE]
    if worth:
        return replace(verdict, findings=tuple(worth))
    best = max(one.saving.high_ns for one in found)
    share = 100 * request.share(best)
    text = f"would save at most {best / 1e6:.2f} ms ({share:.1f} %) of a request here"
    return Verdict(verdict.rule, Outcome.CLEAR, text)


def _of_a_request(finding: Finding, request: Evidence, trace: Evidence) -> Finding:
    saving = finding.saving
    if saving.basis != "none":
        most = min(trace.share(saving.high_ns), 1.0) * request.exposed_ns("compute")
        saving = replace(saving, low_ns=0, high_ns=int(most), confidence="C", basis="bound")
    why = f"In the engine's own trace of {trace.wall_ns / 1e9:.2f} s: {of_the_whole(finding.why)}"
    return replace(finding, stage="compute", why=why, saving=saving, change=None)
