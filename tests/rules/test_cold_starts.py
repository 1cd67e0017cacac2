"""cold-starts: a service that scales to zero and then makes requests wait."""

from __future__ import annotations

from typing import Any

import pytest

from infprof.profiler.deployment import Deployment
from infprof.profiler.importers.metrics_page import recording_of
from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.metrics_pages import vllm
from tests.rules.judge import verdict_of

RULE = "cold-starts"
SAID = {
    "min_replicas": 0, "cold_start_s": 40.0, "latency_target_ms": 500.0, "idle_timeout_s": 60.0,
}  # fmt: skip


def requests(*starts_s: float) -> Recording:
    """Of 100 ms each, at these seconds."""
    rows = (f"main: {s * 1e6:.0f}-{s * 1e6 + 1e5:.0f} request plain" for s in starts_s)
    return recording(" | ".join(rows), kind="attach")


SPARSE = requests(0, 1, 2, 100, 101, 200)


def judged(made: Recording, **said: Any) -> Verdict:
    made.header.deployment = Deployment(**{**SAID, **said})
    return verdict_of(RULE, made)


def test_requests_after_pauses_are_found() -> None:
    (finding,) = judged(SPARSE).findings
    assert finding.saving.basis == "none" and finding.saving.high_ns == 0
    assert "2 of 5 requests came after 60 s or more" in finding.why
    assert "16 s on average" in finding.why


@pytest.mark.parametrize(
    "otherwise",
    [{"min_replicas": 1}, {"cold_start_s": 0.5}, {"idle_timeout_s": 120.0}],
)
def test_otherwise_it_is_silent(otherwise: dict[str, float]) -> None:
    assert judged(SPARSE, **otherwise).outcome is Outcome.CLEAR


def test_a_rare_pause_leaves_the_target_as_it_is() -> None:
    often = [0.2 * one for one in range(40)]
    assert judged(requests(*often, 100)).outcome is Outcome.CLEAR
    assert judged(requests(*often[:19], 100)).outcome is Outcome.FOUND


@pytest.mark.parametrize("setting", SAID)
def test_what_is_not_said_is_asked_for(setting: str) -> None:
    verdict = judged(SPARSE, **{setting: None})
    assert verdict.outcome is Outcome.UNKNOWN and f"{setting} in [deployment]" in verdict.reason


def test_a_short_recording_shows_no_pauses() -> None:
    verdict = judged(requests(0, 1, 2, 50))
    assert verdict.outcome is Outcome.UNKNOWN and "watch the service for longer" in verdict.reason


def test_a_page_shows_none_either() -> None:
    verdict = judged(recording_of("host", [vllm(10)]))
    assert verdict.outcome is Outcome.UNKNOWN and "no single requests" in verdict.reason


def test_without_a_deployment_two_rules_say_the_same() -> None:
    reasons = {
        verdict_of(rule, requests(0, 1, 2, 50)).reason
        for rule in (RULE, "misleading-scaling-signal")
    }
    assert reasons == {"the settings have no table [deployment] (docs/settings.md)"}
