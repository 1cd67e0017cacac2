"""long-synchronous-request: answers that come so late that somebody may give up before."""

from __future__ import annotations

from typing import Any

import pytest

from infprof.profiler.deployment import Deployment
from infprof.profiler.importers.load_result import recording_of as recording_of_load
from infprof.profiler.importers.metrics_page import recording_of
from infprof.profiler.loads.load import Load, PhaseTimes
from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.metrics_pages import histogram, values
from tests.rules.judge import verdict_of

RULE = "long-synchronous-request"
S = 10**9


def load(p95_s: float | None, **phases: float) -> Recording:
    p95_ns = None if p95_s is None else round(p95_s * S)
    times = {"request": PhaseTimes(count=100, mean_ns=10 * S, p95_ns=p95_ns)}
    times |= {one: PhaseTimes(count=100, mean_ns=round(mean * S)) for one, mean in phases.items()}
    return recording_of_load("r.json", Load(tool="k6", requests=100, times=times))


def bentoml(seconds: float) -> Recording:
    name = "bentoml_service_request"
    bounds = {f"{0.9 * seconds:g}": 0, f"{seconds:g}": 100, "+Inf": 100}
    page = histogram(f"{name}_duration_seconds", bounds, 95 * seconds)
    return recording_of("host", [page + values({f"{name}_total": 100})])


def vllm(seconds: float) -> Recording:
    bounds = {f"{0.9 * seconds:g}": 0, f"{seconds:g}": 100, "+Inf": 100}
    page = histogram("vllm:e2e_request_latency_seconds", bounds, 95 * seconds)
    more = {"num_requests_running": 8, "generation_tokens_total": 10}
    return recording_of("host", [page + values({f"vllm:{one}": n for one, n in more.items()})])


def script(seconds: float, kind: str = "run") -> Recording:
    us = seconds * 1e6
    return recording(f"main: 0-{us:.0f} request plain", kind=kind)


def judged(made: Recording, **said: Any) -> Verdict:
    made.header.deployment = Deployment(**said) if said else None
    return verdict_of(RULE, made)


@pytest.mark.parametrize("made", [load, bentoml, lambda s: script(s, "attach")])
def test_more_than_half_of_a_usual_timeout_is_found(made: Any) -> None:
    (finding,) = judged(made(40.0)).findings
    assert finding.saving.basis == "none" and finding.saving.high_ns == 0
    assert "One request in 20 takes" in finding.why and "give up after 60 s" in finding.why
    assert judged(made(29.0)).outcome is Outcome.CLEAR


def test_a_timeout_that_is_said_counts_instead() -> None:
    (finding,) = judged(load(6.0), client_timeout_s=10).findings
    assert "takes 6.0 s or more, and who waits gives up after 10 s" in finding.why
    assert judged(load(5.0), client_timeout_s=10).outcome is Outcome.CLEAR
    assert judged(load(40.0), client_timeout_s=900).outcome is Outcome.CLEAR


def test_streams_keep_their_clients() -> None:
    assert judged(load(40.0), streaming=True).outcome is Outcome.CLEAR
    assert judged(load(40.0, first_token=1.0)).outcome is Outcome.CLEAR


def test_an_engine_that_may_stream_is_asked_about() -> None:
    verdict = judged(vllm(40.0))
    assert verdict.outcome is Outcome.UNKNOWN and "streaming in [deployment]" in verdict.reason
    assert judged(vllm(20.0)).outcome is Outcome.CLEAR
    assert judged(vllm(40.0), streaming=False).outcome is Outcome.FOUND


def test_behind_a_script_nobody_may_wait() -> None:
    verdict = judged(script(40))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "client_timeout_s in [deployment] of the settings says it" in verdict.reason
    assert judged(script(20)).outcome is Outcome.CLEAR
    assert judged(script(40), client_timeout_s=60).outcome is Outcome.FOUND


def test_without_a_percentile_it_is_open() -> None:
    verdict = judged(load(None))
    assert verdict.outcome is Outcome.UNKNOWN and "95th percentile" in verdict.reason
