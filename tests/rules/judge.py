"""Ask one rule about a recording built from a string (see ``tests/build.py``)."""

from __future__ import annotations

from infprof.profiler.device import device_facts
from infprof.profiler.explain import explain
from infprof.profiler.latency import measure_latency
from infprof.profiler.recording import Recording
from infprof.profiler.timeline import Timeline
from infprof.rules.engine import judge
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Verdict


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
    return next(one for one in judge(evidence_of(recording)) if one.rule == rule)
