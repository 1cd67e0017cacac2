"""misleading-scaling-signal: replicas that follow what does not tell the load."""

from __future__ import annotations

import pytest

from infprof.profiler.deployment import Deployment
from infprof.profiler.importers.metrics_page import recording_of
from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.metrics_pages import vllm
from tests.rules.judge import verdict_of

RULE = "misleading-scaling-signal"
ON_GPU = (
    "main: 0-100 request plain | main: 10-12 call cudaLaunchKernel #1 | s7: 12-90 kernel gemm #1"
)
ON_CPU = "main: 0-100 request plain | main: 10-90 op aten::mm"


def service(text: str = ON_GPU, cpu_percent: float | None = 120) -> Recording:
    """With four CPUs."""
    series = {} if cpu_percent is None else {"host.cpu": [(50, cpu_percent)]}
    made = recording(text, series=series)
    made.header.machine.cpu.usable = 4
    return made


def judged(made: Recording, *signals: str, resize: tuple[str, ...] = ()) -> Verdict:
    made.header.deployment = Deployment(scale_on=list(signals), resize_on=list(resize))
    return verdict_of(RULE, made)


@pytest.mark.parametrize("signal", ["gpu_utilization", "gpu_memory", "memory"])
def test_a_signal_that_does_not_grow_is_found(signal: str) -> None:
    for made in (service(), recording_of("host", [vllm(10)])):
        (finding,) = judged(made, signal).findings
        assert finding.saving.basis == "none" and finding.saving.high_ns == 0
        assert "follows nothing that grows with demand" in finding.why


def test_idle_cpus_before_a_gpu_do_not_tell_either() -> None:
    (finding,) = judged(service(), "cpu").findings
    assert "30 % of them are used while the work is done by the GPU" in finding.why
    assert judged(service(cpu_percent=310), "cpu").outcome is Outcome.CLEAR
    assert judged(service(ON_CPU), "cpu").outcome is Outcome.CLEAR


@pytest.mark.parametrize("signal", ["queue", "concurrency", "request_rate", "kv_cache", "latency"])
def test_one_that_grows_with_demand_is_enough(signal: str) -> None:
    assert judged(service(), signal).outcome is Outcome.CLEAR
    assert judged(service(), "gpu_utilization", signal).outcome is Outcome.CLEAR


def test_two_autoscalers_on_one_signal_are_found() -> None:
    (finding,) = judged(service(ON_CPU), "cpu", resize=("cpu", "memory")).findings
    assert "both follow CPU use: each changes" in finding.why
    assert judged(service(ON_CPU), "cpu", resize=("memory",)).outcome is Outcome.CLEAR


def test_what_is_not_said_is_asked_for() -> None:
    verdict = judged(service())
    assert verdict.outcome is Outcome.UNKNOWN and "scale_on in [deployment]" in verdict.reason


def test_what_was_not_sampled_is_open() -> None:
    verdict = judged(service(cpu_percent=None), "cpu")
    assert verdict.outcome is Outcome.UNKNOWN and "CPUs are was not sampled" in verdict.reason
    assert judged(recording_of("host", [vllm(10)]), "cpu").outcome is Outcome.UNKNOWN
