"""From a Recording to a Report: the one place where facts, opinions and words meet."""

from __future__ import annotations

from infprof.profiler.device import device_facts
from infprof.profiler.explain import explain
from infprof.profiler.latency import measure_latency
from infprof.profiler.recording import Recording
from infprof.profiler.timeline import Timeline
from infprof.profiler.untraced import untraced
from infprof.reports.make import make_report
from infprof.reports.report import Report
from infprof.rules.engine import judge
from infprof.rules.evidence import Evidence


def diagnose(recording: Recording) -> Report:
    """Say where the time of a recording went, what is wrong and what fixing it would save."""
    timeline = Timeline(recording)
    facts = device_facts(timeline), measure_latency(recording)
    traced = Evidence(recording, timeline, explain(timeline), *facts)
    found = untraced(timeline)
    plain = None if found is None else Evidence(recording, *found, *facts)
    return make_report(plain or traced, judge(traced, plain))
