"""The model computes on one core while others are idle.

What it looks for:
A host without a GPU on which torch runs with one thread (``torch.get_num_threads() == 1``), one
request at a time, while other usable cores stand idle; at least half of the wall is compute, in
matrix products, convolutions or attention that take a millisecond or more each.

Why it costs time:
Such ops divide well: four cores finish them three to four times as fast. One thread is often a
leftover: ``torch.set_num_threads(1)`` from a benchmark or from a data-loading worker.

How to fix it:
``torch.set_num_threads(cores)``, or ``OMP_NUM_THREADS`` in the environment before torch is
imported.

When to ignore it:
Several requests are to be served at once, one per core: that gives more throughput, if less speed
for each. Ops that take microseconds gain nothing from more threads. Other programs on the machine
may need the cores at other times: an op waits for its last thread, and where that one must wait for
a core, two threads are slower than one (on two cores, convolutions took 0.6 to 0.75 of the time
while both were free, and several times as long while they were not). One thread is always
somebody's choice, and a recording cannot tell a choice from a leftover: so the saving has no floor.
Where ``OMP_NUM_THREADS`` is set for the process, it is taken as meant.

Catalogue: IP-PY-006
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Step, Unknown
from infprof.rules.host_load import mean_load, served_at_once, torch_threads, usable_cores
from infprof.rules.model_callers import compute_where
from infprof.rules.processor import ran_on_gpu

NEEDS: tuple[Need, ...] = ("requests", "ops", "host_samples")
STEP: Step = "pipeline"

COMPUTE_SHARE = 0.5
"""Less of the wall in compute, and the threads of torch are not what limits the request."""

LARGE_OP_NS = 1_000_000
"""Waking a team of threads and waiting for the last takes 5 to 50 us; an op that lasts 1 ms on one
core has enough work for that not to matter."""

AT_ONCE = 1.2
"""From here on requests are served in parallel often enough to want the cores for themselves."""

IDLE_CORES = 0.5
"""Less than half a core idle is what the tracer, the system and noise leave over."""

DIVISIBLE = re.compile(
    r"(linear|matmul|conv|attention|lstm|gru|einsum|(^|::|_)(b|add|baddb|addb)?mm)(?![a-z])"
    r"|convolution|conv\dd"
)
"""Ops that torch and its libraries spread over threads, by name."""

CODE = """\
import os

import torch

torch.set_num_threads(len(os.sched_getaffinity(0)))  # here {cores}; or OMP_NUM_THREADS={cores}
"""


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find compute on one core while others are idle."""
    if ran_on_gpu(evidence):
        return
    threads, cores = torch_threads(evidence), usable_cores(evidence)
    compute_ns = evidence.exposed_ns("compute.cpu")
    at_once = served_at_once(evidence)
    if threads > 1 or cores < 2 or evidence.share(compute_ns) < COMPUTE_SHARE or at_once > AT_ONCE:
        return
    chosen = evidence.header.flags.get("threads_by_environment")
    if chosen is None:
        raise Unknown("whether the environment chose the number of threads was not recorded")
    if chosen:
        return
    large = _large_ops(evidence)
    idle = _idle_cores(evidence, cores)
    if not len(large) or idle < IDLE_CORES:
        return
    large_ns = evidence.exposed_part_ns(large, "compute.cpu")
    usable = min(float(cores), 1 + idle)
    high = round(large_ns * (1 - 1 / usable))
    yield Finding(
        title=f"Compute on all {cores} cores, not on one",
        why=(
            f"torch runs with one thread while {idle:.1f} of {cores} usable cores are idle;"
            f" {len(large) / evidence.requests:.1f} large ops take {large_ns / 1e6:.2f} ms"
            f" ({100 * evidence.share(large_ns):.0f} % of the wall) of each request."
        ),
        stage="compute",
        saving=Saving(0, high, "C"),
        fix=Fix(
            text=f"Let torch use {cores} threads.",
            code=CODE.format(cores=cores),
            risk="Sums are added up in another order: results differ in the last digits. Use fewer"
            " threads where several workers share the cores, and keep one where that was meant:"
            " an op waits for its last thread, which may wait for a core.",
            references=(
                "https://docs.pytorch.org/docs/stable/generated/torch.set_num_threads.html",
            ),
        ),
        where=compute_where(evidence, large),
    )


def _large_ops(evidence: Evidence) -> Rows:
    """Ops that divide well and take long enough to, each once."""
    rows = evidence.rows(Kind.OP, lambda name: "yes" if DIVISIBLE.search(name) else None, "yes")
    rows = evidence.timeline.outermost(rows)
    return rows[evidence.timeline.durations(rows) >= LARGE_OP_NS]


def _idle_cores(evidence: Evidence, cores: int) -> float:
    """How many of the usable cores did nothing while requests came. Raises ``Unknown``."""
    busy, logical = mean_load(evidence, "host.machine_cpu"), evidence.header.machine.cpu.logical
    if busy is None or not logical:
        raise Unknown("how busy the machine's cores were was not sampled")
    return float(np.clip(logical * (1 - busy / 100), 0, cores - 1))
