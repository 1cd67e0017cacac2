"""Ask one rule about a recording built from a string (see ``tests/build.py``)."""

from __future__ import annotations

from infprof.profiler.device import device_facts
from infprof.profiler.explain import explain
from infprof.profiler.latency import measure_latency
from infprof.profiler.recording import Recording
from infprof.profiler.timeline import Timeline
from infprof.rules.engine import DOES_NOT_APPLY, judge
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Outcome, Verdict

OUTCOMES: dict[str, set[Outcome]] = {}
"""How the rules ended that were asked here, which ``conftest`` looks at."""


def evidence_of(recording: Recording) -> Evidence:
    """All facts about a recording."""
    timeline = Timeline(recording)
    return Evidence(
        recording,
        timeline,
        explain(timeline),
        device_facts(timeline),
        measure_latency(recording),
    )


def verdict_of(rule: str, recording: Recording) -> Verdict:
    """The verdict of one rule, through the whole engine."""
    verdict = next(one for one in judge(evidence_of(recording)) if one.rule == rule)
    if not verdict.reason.startswith(DOES_NOT_APPLY):  # which is the engine's word
        OUTCOMES.setdefault(rule, set()).add(verdict.outcome)
    return verdict


def not_seen(rule: str) -> list[str]:
    """The outcomes of which its tests must show one each, and did not."""
    wanted = (Outcome.FOUND, Outcome.CLEAR, Outcome.UNKNOWN)
    return [one.value for one in wanted if one not in OUTCOMES.get(rule, ())]
