"""The number of replicas follows a quantity that does not tell how much the service has to do.

What it looks for:
A deployment that is scaled (`scale_on` in the settings) by the use of memory, of GPU memory or of
the GPU, or of CPUs of which less than three quarters are used, and by nothing else. Or
two autoscalers, one for the number of replicas and one for their size, that follow the same one.

Why it costs time:
GPU utilization is the share of time in which some kernel ran: one request after the other makes it
100 %, and so do a hundred that wait. Memory stays allocated once it was needed. CPUs that only
launch kernels are as busy with a long queue as without one. So replicas come too late or never, and
requests wait meanwhile; or they stay when nobody needs them. Two autoscalers that follow one
quantity each undo what the other did.

How to fix it:
Scale on what grows with demand: requests that wait, or requests that are there for each replica.
Leave the sizes of replicas to the vertical autoscaler in a mode that only recommends.

When to ignore it:
All time is spent on the CPUs, and their use then tells the load. Or a timetable does the scaling,
and the signal is the last resort.

Catalogue: IP-SCL-001
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from infprof.rules.deployed import NO_TIME, needed, said_of_deployment
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Unknown
from infprof.rules.host_load import mean_load, usable_cores
from infprof.rules.processor import ran_on_gpu

NEEDS: tuple[Need, ...] = ("service",)
USES_TRACER = False
ALWAYS_REPORT = True
"""It costs time only when the load changes, which a recording of a steady one does not show."""

BUSY_SHARE = 0.75
"""Of the CPUs that the service may use: beyond, they limit it or soon will, and an autoscaler has
its target there or below."""

BLIND = {
    "gpu_utilization": "it says that some kernel ran, and is as high with one request as with many",
    "gpu_memory": "what was allocated once stays so, whatever the load",
    "memory": "what was allocated once stays so, whatever the load",
}
"""Signals that do not grow with demand, each with the reason."""

WORDS = {
    "cpu": "CPU use",
    "memory": "use of memory",
    "gpu_utilization": "GPU utilization",
    "gpu_memory": "use of GPU memory",
}

FIX = Fix(
    text="Scale on requests that wait, or on those that are there for each replica.",
    code="""\
# KEDA, by what the engine tells of its queue
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: { name: llm }
spec:
  scaleTargetRef: { name: llm }
  minReplicaCount: 1
  triggers:
    - type: prometheus
      metadata:
        serverAddress: http://prometheus:9090
        query: sum(vllm:num_requests_waiting{model_name="llm"})
        threshold: "5"

# Knative and KServe: requests that are there for each replica, as annotations of the template
#   autoscaling.knative.dev/metric: concurrency
#   autoscaling.knative.dev/target: "8"
""",
    risk="A queue is short until it is long: leave room in the target, and let replicas go slower "
    "than they come, or their number swings.",
    references=(
        "https://keda.sh/docs/latest/scalers/prometheus/",
        "https://knative.dev/docs/serving/autoscaling/autoscaling-metrics/",
        "https://kubernetes.io/docs/concepts/workloads/autoscaling/",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge by what the deployment is scaled."""
    said = said_of_deployment(evidence)
    signals = needed(said.scale_on or None, "scale_on", "by what the deployment is scaled")
    both = [one for one in signals if one in said.resize_on]
    if both:
        yield _finding(
            "Let only one autoscaler follow a signal",
            f"The number of replicas and their size both follow {_words(both)}: each changes what "
            "the other one looks at.",
        )
    reasons = {one: BLIND.get(one) or _of_idle_cpus(evidence, one) for one in signals}
    if all(reasons.values()):
        told = "; ".join(f"{_words([one])}: {reason}" for one, reason in reasons.items())
        yield _finding(
            "Scale on the queue or on concurrency",
            f"The number of replicas follows nothing that grows with demand ({told}).",
        )


def _of_idle_cpus(evidence: Evidence, signal: str) -> str | None:
    """Why the CPUs do not tell the load; ``None`` where they do. Raises ``Unknown``."""
    if signal != "cpu" or not ran_on_gpu(evidence):
        return None
    load = _cpu_load(evidence) / 100 / usable_cores(evidence)
    if load >= BUSY_SHARE:
        return None
    return f"{100 * load:.0f} % of them are used while the work is done by the GPU"


def _cpu_load(evidence: Evidence) -> float:
    """CPUs that the service keeps busy, in per cent of one. Raises ``Unknown``."""
    load = mean_load(evidence, "host.cpu")
    if load is None:
        raise Unknown("how busy the CPUs are was not sampled")
    return load


def _finding(title: str, why: str) -> Finding:
    return Finding(title, why, "unattributed", NO_TIME, FIX)


def _words(signals: Sequence[str]) -> str:
    return " and ".join(WORDS.get(one, one) for one in signals)
