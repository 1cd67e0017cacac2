"""The GPU can do far more than the requests ask of it, and they would be quick enough with less.

What it looks for:
Requests that meet the latency target (`latency_target_ms` in the settings) with nothing left to
fix. Of the GPUs that `gpu_prices` names, a cheaper one is looked for on which they would meet it
too, by peaks and bandwidth, that has the memory, and that would have a third of its time left.
Where none is named or fits: less than a fifth of the GPU's operations and of its bandwidth in use.

Why it costs time:
It costs money. A GPU costs as much while it waits, and the larger ones cost more than in proportion
for work that fills none of them.

How to fix it:
A smaller GPU, a MIG slice of this one, or a second model beside the first. Or more requests at a
time, if there are more: then this one is not too large.

When to ignore it:
The rate of the recording is not that of the busiest hour. The room is for bursts, for a larger
model to come, or the GPU is there in any case.

Catalogue: IP-SCL-003
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from infprof.profiler.gpu_table import GpuSpec, lookup
from infprof.profiler.roofline import Roofline, roofline
from infprof.rules.blockers import ANY_OTHER
from infprof.rules.deployed import NO_TIME, deployment, needed
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Unknown
from infprof.rules.other_gpu import Demand, demand

NEEDS: tuple[Need, ...] = ("requests", "device", "latency")
ALWAYS_REPORT = True
"""It saves money, and none of a request's time."""

NOT_WHILE = {ANY_OTHER: "what it changes decides how much of a GPU the requests need"}

LOW_SHARE = 0.2
"""Of the peaks: MFU and MBU both below leave room for five times the work (CATALOGUE SCL-003)."""

BUSY_SHARE = 0.7
"""Of the other GPU's time: beyond, requests wait longer for each other than they are worked on
(M/D/1: 1.2 times as long at 0.7)."""

MEMORY_SHARE = 0.9
"""Of the other GPU's memory: the rest is for its context and for fragments."""

CHEAPER_SHARE = 0.9
"""Of the price: less than a tenth saved is not worth a move."""

FIX = Fix(
    text="Move to the smaller GPU, or take a slice of this one; measure there before you switch.",
    code="""\
# the same program on the other GPU, at the rate of the busiest hour
infprof run serve.py

# two slices of a card that has MIG, each as a GPU of its own
nvidia-smi mig -cgi 3g.40gb,3g.40gb -C
""",
    risk="Peaks are not speeds: small kernels, another cache and another host change what a "
    "request takes. Bursts have less room.",
    references=("https://docs.nvidia.com/datacenter/tesla/mig-user-guide/",),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the GPU by what would do as well."""
    said, p95_ns = deployment(evidence), evidence.latency.p95_ns
    target_ms = needed(said.latency_target_ms, "latency_target_ms", "how long a request may take")
    assert p95_ns is not None, "there is a latency"
    if p95_ns > target_ms * 1e6:
        return
    found = roofline(evidence.timeline)
    cheaper = _cheapest(evidence, found, said.gpu_prices, target_ms)
    quick = f"One request in 20 takes {p95_ns / 1e6:,.4g} ms or more, of {target_ms:,.4g} ms that "
    if cheaper is not None:
        yield _finding("Serve from a cheaper GPU", f"{quick}it may. {cheaper}")
    elif low := _low_use(found):
        yield _finding("Serve from a smaller GPU, or share this one", f"{quick}it may. {low}")


def _low_use(found: Roofline) -> str | None:
    """Raises ``Unknown``."""
    mfu, mbu = found.mfu, found.mbu
    if mfu is None or mbu is None:
        reason = next(iter(found.missing.values()))
        raise Unknown(f"no cheaper GPU is named that would do, and MFU or MBU is unknown: {reason}")
    if max(mfu, mbu) >= LOW_SHARE:
        return None
    return (
        f"Meanwhile they use {100 * mfu:.1f} % of the GPU's operations (MFU) and {100 * mbu:.1f} % "
        "of its bandwidth (MBU)."
    )


def _cheapest(
    evidence: Evidence, found: Roofline, prices: Mapping[str, float], target_ms: float
) -> str | None:
    """What speaks for the cheapest GPU that would do; ``None`` where none is named. Raises
    ``Unknown``."""
    if not prices:
        return None
    asked = demand(evidence, found)
    named = {name: (lookup(name), price) for name, price in prices.items()}
    now = next((price for spec, price in named.values() if spec == asked.spec), None)
    if now is None:
        raise Unknown(f"gpu_prices in [deployment] does not name this GPU, {asked.spec.name}")
    for name, (spec, price) in sorted(named.items(), key=lambda one: one[1][1]):
        if spec is not None and price <= CHEAPER_SHARE * now:
            p95_ms = _p95_ms(evidence, asked, spec)
            if p95_ms is not None and p95_ms <= target_ms:
                return (
                    f"On {name} it would take {p95_ms:,.4g} ms at most, by peaks and bandwidth, at "
                    f"{price:g} instead of {now:g} an hour."
                )
    return None


def _p95_ms(evidence: Evidence, asked: Demand, other: GpuSpec) -> float | None:
    """The slowest of 20 requests on another GPU; ``None`` where it has no room for them."""
    latency, slower_ns = evidence.latency, asked.slower_ns(other)
    if slower_ns is None or not latency.mean_ns or latency.p95_ns is None:
        return None
    if asked.memory_bytes > MEMORY_SHARE * other.memory_bytes:
        return None
    rate = latency.throughput_per_s
    if rate is None:
        raise Unknown("how many requests were served in a second is not known")
    if rate * (asked.kernel_ns + asked.copy_ns + slower_ns) / 1e9 > BUSY_SHARE:
        return None
    return latency.p95_ns * (1 + slower_ns / latency.mean_ns) / 1e6


def _finding(title: str, why: str) -> Finding:
    return Finding(title, why, "compute", NO_TIME, FIX)
