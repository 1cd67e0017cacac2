"""A service that scales to zero makes the first request after a pause wait for a new replica.

What it looks for:
A deployment without a replica that stays (`min_replicas = 0`), whose cold start takes longer than
the latency target, and whose requests were seen to pause for longer than its idle timeout: so often
that one request in 20, which is what the target speaks of, comes after such a pause.

Why it costs time:
The request after a pause waits for a machine, the image, the weights and the warm-up: seconds to
minutes, where others take milliseconds. Of a service with few requests that is no rare case: the
fewer come, the more of them come after a pause.

How to fix it:
Keep one replica. Where that is too dear make the cold start shorter: a small image that is on the
node already, weights on a local disk as safetensors, compiled code from a cache; or let the idle
timeout be longer than most pauses.

When to ignore it:
Nobody minds who calls first, as in tests and nightly jobs, or clients hold the target against all
other requests alone.

Catalogue: IP-SCL-002
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.rules.deployed import NO_TIME, needed, said_of_deployment
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Unknown

NEEDS: tuple[Need, ...] = ("service",)
USES_TRACER = False
ALWAYS_REPORT = True
"""The requests that were recorded did not wait for a cold start: it is in none of their times."""

COLD_SHARE = 0.05
"""Of the requests: the target is for the 95th percentile, which fewer do not move."""

FIX = Fix(
    text="Keep one replica, or make the cold start shorter.",
    code="""\
# Knative, as an annotation of the template; KServe: minReplicas: 1 of the predictor
autoscaling.knative.dev/min-scale: "1"

# or a longer pause before the last replica goes (Knative)
autoscaling.knative.dev/scale-to-zero-pod-retention-period: "30m"
""",
    risk="A replica that stays costs as much at night as by day: compare its price with what the "
    "slow requests cost.",
    references=(
        "https://knative.dev/docs/serving/autoscaling/scale-bounds/",
        "https://knative.dev/docs/serving/autoscaling/scale-to-zero/",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the pauses between requests by what follows on them."""
    said = said_of_deployment(evidence)
    if needed(said.min_replicas, "min_replicas", "how many replicas stay"):
        return
    cold_s = needed(said.cold_start_s, "cold_start_s", "how long a cold start takes")
    target_ms = needed(said.latency_target_ms, "latency_target_ms", "how long a request may take")
    if 1e3 * cold_s <= target_ms:
        return
    idle_s = needed(said.idle_timeout_s, "idle_timeout_s", "when the last replica is taken away")
    cold, requests = _after_pauses(evidence, idle_s)
    if cold < COLD_SHARE * requests:
        return
    yield Finding(
        title="Keep a replica, so that no request waits for a cold start",
        why=f"{cold:,} of {requests:,} requests came after {idle_s:,.4g} s or more without any. "
        f"Each of them waits {cold_s:,.4g} s for a replica, where {target_ms / 1e3:,.4g} s are the "
        f"target: {cold_s * cold / requests:,.3g} s on average over all.",
        stage="unattributed",
        saving=NO_TIME,
        fix=FIX,
    )


def _after_pauses(evidence: Evidence, idle_s: float) -> tuple[int, int]:
    """How many requests came after a pause so long, and how many came at all after the first.
    Raises ``Unknown``."""
    table = evidence.recording.requests
    if evidence.lacks("requests") is not None or len(table) < 2:
        raise Unknown("no single requests were recorded that could show pauses between them")
    ends = np.maximum.accumulate(table.end_ns)
    pauses_s = (table.start_ns[1:] - ends[:-1]) / 1e9
    seen_s = float(ends[-1] - table.start_ns[0]) / 1e9
    if seen_s < idle_s:
        raise Unknown(
            f"{seen_s:,.3g} s of requests do not show how often none comes for {idle_s:,.4g} s: "
            "watch the service for longer"
        )
    return int((pauses_s >= idle_s).sum()), len(pauses_s)
