"""More threads compute at once than there are cores, and they wait for a turn.

What it looks for:
torch's threads per request, times the requests that are served at once (by threads or processes),
above 1.5 times the usable cores, and proof that it hurts: the busiest thread waits for a core for
5 % of the time, the cgroup's quota runs out, or the kernel takes cores away by force all the time.

Why it costs time:
Each op that runs on several threads ends with all of them waiting for the last one. With more
threads than cores some thread is always off its core, so every op waits for the scheduler (3 to
10 ms a turn), and the others spin meanwhile. ``os.cpu_count()``, from which many libraries take
their defaults, does not know the container's quota.

How to fix it:
Give each worker its part of the cores: ``torch.set_num_threads(cores // workers)``, or
``OMP_NUM_THREADS`` before torch is imported; ``cv2.setNumThreads(0)`` in workers.

When to ignore it:
One process with as many threads as cores is the right setting. Where other programs take the cores
this rule stays silent: fewer threads of ours would not help.

Catalogue: IP-PY-006
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Step, Unknown
from infprof.rules.host_load import (
    mean_load,
    others_cores,
    served_at_once,
    torch_threads,
    usable_cores,
)
from infprof.rules.model_callers import compute_where

NEEDS: tuple[Need, ...] = ("requests", "ops", "host_samples")
STEP: Step = "pipeline"

OVERSUBSCRIBED = 1.5
"""Threads per core from which on it is oversubscription: a thread more than there are cores is
usually one that waits (CATALOGUE IP-PY-006)."""

HURTS_PERCENT = 5.0
"""Time without a core, of the busiest thread or of the quota's periods, that is worth a finding."""

FORCED_SWITCHES_PER_CORE = 100.0
"""Per second: a core that several threads want all the time goes round every 3 to 10 ms, which is
100 to 300 times; one that a single thread uses is taken away a few times."""

CODE = """\
import os

os.environ["OMP_NUM_THREADS"] = "{threads}"  # before torch is imported
import torch

torch.set_num_threads({threads})  # {cores} cores for {served} requests at once
"""


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find too many computing threads."""
    threads, cores = torch_threads(evidence), usable_cores(evidence)
    served = served_at_once(evidence)
    wanted = threads * served
    if wanted <= OVERSUBSCRIBED * cores or _others_take_the_cores(evidence):
        return
    harm, delay = _harm(evidence, cores)
    if not harm:
        return
    crowded_ns = round(evidence.exposed_ns("compute.cpu") * (1 - cores / wanted))
    high = min(crowded_ns, round(evidence.wall_ns * delay / 100 * threads))
    yield Finding(
        title="Use no more computing threads than there are cores",
        why=(
            f"{threads} threads of torch for each of {served:.1f} requests served at once share"
            f" {cores} cores: {harm}. With a core for each thread the compute of a request would"
            f" lose at most {crowded_ns / 1e6:.2f} ms of waiting."
        ),
        stage="compute",
        saving=Saving(0, high, "C"),
        fix=_fix(max(1, round(cores / served)), cores, max(1, round(served))),
        where=compute_where(evidence),
    )


def _harm(evidence: Evidence, cores: int) -> tuple[str, float]:
    """What shows that threads wait for cores, in words, and the share of the time in percent."""
    delay = mean_load(evidence, "host.run_delay")
    throttled = mean_load(evidence, "host.throttled_share")
    forced = mean_load(evidence, "host.involuntary_switches")
    if delay is None and throttled is None and forced is None:
        raise Unknown("neither run delay, throttling nor forced switches were sampled")
    if delay is not None and delay >= HURTS_PERCENT:
        return f"the busiest thread is ready but without a core {delay:.0f} % of the time", delay
    if throttled is not None and throttled >= HURTS_PERCENT:
        return f"the quota of CPU time runs out in {throttled:.0f} % of its periods", throttled
    if delay is None and forced is not None and forced >= FORCED_SWITCHES_PER_CORE * cores:
        return f"threads are forced off a core {forced:.0f} times a second", 100.0
    return "", 0.0


def _others_take_the_cores(evidence: Evidence) -> bool:
    """Whether other programs use more CPU time than the one looked at."""
    own, others = mean_load(evidence, "host.cpu"), others_cores(evidence)
    return own is not None and others is not None and 100 * others > own


def _fix(threads: int, cores: int, served: int) -> Fix:
    return Fix(
        text=f"Give each of the {served} requests served at once {threads} of the {cores} cores.",
        code=CODE.format(threads=threads, cores=cores, served=served),
        risk="A lone request is slower with fewer threads: try the numbers around this one.",
        references=(
            "https://docs.pytorch.org/docs/stable/generated/torch.set_num_threads.html",
            "https://docs.pytorch.org/docs/stable/notes/cpu_threading_torchscript_inference.html",
        ),
    )
