"""From a Recording to a Report: the one place where facts, opinions and words meet."""

from __future__ import annotations

from dataclasses import replace

from infprof.judging import Judging
from infprof.profiler.device import device_facts
from infprof.profiler.explain import explain
from infprof.profiler.latency import measure_latency
from infprof.profiler.recording import Recording
from infprof.profiler.serving.engine_trace import parts
from infprof.profiler.serving.told_apart import told_apart
from infprof.profiler.timeline import Timeline
from infprof.profiler.untraced import untraced
from infprof.reports.make import make_report
from infprof.reports.report import Report
from infprof.rules.advice import advise
from infprof.rules.beside_requests import judge_beside
from infprof.rules.blockers import settled
from infprof.rules.engine import judge
from infprof.rules.engine_trace import judge_both
from infprof.rules.evidence import Evidence


def diagnose(recording: Recording, judged: Judging | None = None) -> Report:
    """Say where the time of a recording went, what is wrong and what fixing it would save.

    ``judged`` says how to judge, as ``infprof.judging.judging()`` reads it from the settings file;
    without it the whole catalog is asked.
    """
    judged = judged or Judging()
    recording = _deployed(recording, judged)
    both = parts(recording)
    if both is not None:
        return _of_engine(*both, judged)
    apart = told_apart(recording)
    if apart is not None:
        return _of_requests_and_threads(*apart, judged)
    timeline = Timeline(recording)
    facts = device_facts(timeline), measure_latency(recording)
    traced = Evidence(recording, timeline, explain(timeline), *facts)
    found = untraced(timeline)
    plain = None if found is None else Evidence(recording, *found, *facts)
    verdicts = settled(judge(traced, plain, judged.choice), judged.choice)
    return make_report(plain or traced, verdicts, advise(traced, plain), judged.price_per_hour)


def _deployed(recording: Recording, judged: Judging) -> Recording:
    """With what the settings say of how it is deployed, if they do."""
    if judged.deployment is None:
        return recording
    header = recording.header.model_copy(update={"deployment": judged.deployment})
    return replace(recording, header=header)


def _of_requests_and_threads(told: Recording, seen: Recording, judged: Judging) -> Report:
    """The report is of the requests; the threads' work serves the rules about the host's code."""
    request, threads = _alone(told), _alone(seen)
    verdicts = settled(judge_beside(request, threads, judged.choice), judged.choice)
    return make_report(request, verdicts, advise(request), judged.price_per_hour)


def _alone(recording: Recording) -> Evidence:
    timeline = Timeline(recording)
    latency = measure_latency(recording)
    return Evidence(recording, timeline, explain(timeline), device_facts(timeline), latency)


def _of_engine(told: Recording, trace: Recording, judged: Judging) -> Report:
    """The report is of the requests; the trace serves the rules that look inside the engine."""
    inside = _alone(trace)
    request = replace(_alone(told), device=inside.device)
    verdicts = settled(judge_both(request, inside, judged.choice), judged.choice)
    return make_report(request, verdicts, advise(request), judged.price_per_hour)
