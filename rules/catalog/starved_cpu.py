"""The program is ready to run, but gets no CPU: something else has them, or its quota is used up.

What it looks for:
While requests come, the thread that wants to run most is ready but without a core for 5 % of the
time or more, because other programs or a virtual machine's host have the cores; or the cgroup's
quota of CPU time runs out in 1 % of its periods. A program that keeps all cores busy by itself is
not starved: what it computes is for other rules.

Why it costs time:
A thread that waits for a core does nothing: the request stands still, and so does a GPU whose
launches come from that thread. An op on several threads ends when the last of them does, and each
of them may be the one that waits. A cgroup over its quota stops until the next period, for up to
100 ms.

How to fix it:
Raise or remove the CPU limit; or give the service whole cores of its own (integer requests equal to
the limits with the static CPU manager of Kubernetes, ``cpuset``, ``taskset``), away from the other
programs. On a virtual machine whose host is busy, take another kind of instance.

When to ignore it:
The other programs ran only during this recording (a build, a backup, this test itself). The saving
is a ceiling: the thread that waited need not be the one that a request waited for, and the kernel
counts short waits as well. What the tracer's own threads take is in it.

Catalogue: IP-ENV-003
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import NamedTuple

from infprof.profiler.breakdown import OF_THE_DEVICE, stage_of
from infprof.profiler.intervals import joined, union
from infprof.profiler.replay import Change
from infprof.rules.evidence import Evidence, Need
from infprof.rules.exact_spans import without
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.host_load import mean_load, others_cores, served_share

NEEDS: tuple[Need, ...] = ("work", "host_samples")
USES_TRACER = False
ABOUT_THE_MACHINE = True
"""Where others keep the CPUs so busy that no number of a request holds, this is why."""

NOT_WHILE = {
    "thread-oversubscription": "the program's own threads take the cores from one another, and"
    " fewer of them help more than more cores"
}

RUN_DELAY_PERCENT = 5.0
"""Of the time: as little as any finding is worth."""

THROTTLED_PERCENT = 1.0
"""Of the quota's periods, of 100 ms each: a service that fits its quota is never throttled, and one
such period can stop a request for tens of milliseconds (CATALOGUE IP-ENV-003)."""

MOSTLY = 0.5
"""Of a wait, or of the cores that are taken: what explains less is not the cause to name."""

OTHERS_CORES = 0.5
"""Cores that other programs use: less is what a system does by itself."""

NO_CPU = ("io", "queue")
"""Stages in which a request does not want a core."""

WAITS = ("python.sync", "python.sleep", "python.lock_wait")
"""Leaves in which its thread waits for the device, the time or another thread."""

Leaves = dict[str, int]
"""Leaves with their exposed time in all requests, in ns."""


class Cause(NamedTuple):
    """Who has the CPU time, and what gives it back."""

    words: str
    text: str
    code: str
    most: float
    """Of a request's time that can come back: with the cores of others the program is quicker by
    so many more cores, at best."""


QUOTA = (
    "Raise the CPU limit of the container, or leave it out; threads of torch no more than its"
    " cores.",
    "docker update --cpus 8 NAME\n"
    "# Kubernetes: resources.requests.cpu == resources.limits.cpu, a whole number\n",
)
HOST = (
    "Take an instance with cores of its own: one that is not burstable and not shared.",
    "vmstat 5    # column st: what the host of this virtual machine takes\n",
)
NEIGHBOURS = (
    "Keep other programs off the cores of the service.",
    "taskset -c 0-7 python serve.py      # and the others: taskset -c 8-15 ...\n"
    "# systemd: AllowedCPUs=0-7; Kubernetes: whole CPUs and the static CPU manager\n",
)
RISK = "More CPU for this program is less for others: look at what they serve."

REFERENCES = (
    "https://docs.kernel.org/scheduler/sched-bwc.html",
    "https://kubernetes.io/docs/tasks/administer-cluster/cpu-management-policies/",
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find threads that wait for a core."""
    delay = mean_load(evidence, "host.run_delay")
    throttled = mean_load(evidence, "host.throttled_share")
    if delay is None and throttled is None:
        raise Unknown("how long threads waited for a core was not sampled")
    short = delay is None or delay < RUN_DELAY_PERCENT
    if short and (throttled is None or throttled < THROTTLED_PERCENT):
        return
    waited = delay if delay is not None else throttled or 0.0
    cause = _cause(evidence, waited, throttled or 0.0)
    if cause is None:
        return
    lost = min(waited / 100 / served_share(evidence), cause.most)
    computing, others = _wanting_a_core(evidence)
    late = min(lost * _threads(evidence), 1.0)
    time_ns = evidence.per_request(round(_sum(others) * lost + _sum(computing) * late))
    seen = f"{_proof(evidence, delay)}{cause.words}"
    yield Finding(
        title="Give the program the CPU time that it is ready to use",
        why=f"{seen[0].upper()}{seen[1:]}. That can be {time_ns / 1e6:.2f} ms of each request "
        f"({100 * evidence.share(time_ns):.0f} % of the wall).",
        stage="compute" if _sum(computing) >= _sum(others) else _largest_stage(others),
        saving=Saving(0, time_ns, "C"),
        fix=Fix(text=cause.text, code=cause.code, risk=RISK, references=REFERENCES),
        change=_with_a_core(evidence, (computing, late), (others, lost)),
    )


def _wanting_a_core(evidence: Evidence) -> tuple[Leaves, Leaves]:
    """The leaves in which a request wants a core, with their time: of compute, in which each of
    torch's threads may be the late one, and all others."""
    leaves = {
        leaf: exposed
        for leaf, (exposed, _) in evidence.breakdown.leaves.items()
        if leaf not in OF_THE_DEVICE and stage_of(leaf) not in NO_CPU and leaf not in WAITS
    }
    computing = {leaf: time for leaf, time in leaves.items() if stage_of(leaf) == "compute"}
    return computing, {leaf: time for leaf, time in leaves.items() if leaf not in computing}


def _sum(leaves: Leaves) -> int:
    return sum(leaves.values())


def _largest_stage(leaves: Leaves) -> str:
    return stage_of(max(leaves, key=lambda leaf: leaves[leaf]))


def _threads(evidence: Evidence) -> int:
    """Of one operator: its time ends when the last of them is through."""
    threads = evidence.header.flags.get("threads")
    if isinstance(threads, bool) or not isinstance(threads, int):
        return 1
    return min(threads, evidence.header.machine.cpu.usable or threads)


def _with_a_core(evidence: Evidence, *parts: tuple[Leaves, float]) -> Change | None:
    """The host without such parts of the exposed time of these leaves."""
    changes = []
    for leaves, part in parts:
        exposed = [
            share.exposed
            for one in evidence.breakdown.requests
            for leaf, share in one.leaves.items()
            if leaf in leaves
        ]
        changes.append(without(evidence, union(joined(exposed)), part))
    known = [one for one in changes if one is not None]
    return reduce(Change.and_also, known) if known else None


def _proof(evidence: Evidence, delay: float | None) -> str:
    if delay is None:
        return ""
    pressure = mean_load(evidence, "host.pressure_cpu")
    told = f"the busiest thread is ready but without a core {delay:.0f} % of the time"
    if pressure is not None:
        told += f", and some thread of the machine is {pressure:.0f} % of it"
    return f"{told}: "


def _cause(evidence: Evidence, waited: float, throttled: float) -> Cause | None:
    """Who has the cores; ``None`` where it is the program itself, which is then not starved: it
    computes much, and other rules say what. Raises ``Unknown`` where nothing tells."""
    if throttled >= MOSTLY * waited:
        words = f"its quota of CPU time runs out in {throttled:.0f} % of the periods"
        return Cause(words, *QUOTA, throttled / 100)
    own, others = mean_load(evidence, "host.cpu"), others_cores(evidence)
    if own is None or others is None:
        raise Unknown("threads wait for a core, and who has the cores was not sampled")
    if others < OTHERS_CORES:
        return None
    stolen = mean_load(evidence, "host.stolen") or 0.0
    most = others / (others + own / 100)
    if stolen / 100 * (evidence.header.machine.cpu.logical or 0) >= MOSTLY * others:
        words = f"the host of this virtual machine takes {stolen:.0f} % of its CPU time"
        return Cause(words, *HOST, most)
    return Cause(f"other programs use {others:.1f} cores", *NEIGHBOURS, most)
