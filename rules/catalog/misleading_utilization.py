"""NVML calls the GPU busy, but its work is a small part of what the GPU can do.

What it looks for:
A `utilization.gpu` of 80 % or more on average while requests come, beside an MFU below 10 % and an
MBU below 30 %, both from the trace; or kernels that fill less than half of the time.

Why it costs time:
It costs none by itself. NVML's utilization is the share of time in which *some* kernel ran, sampled
over up to a second: one small kernel after the other counts as 100 %. Who takes it for load sees a
full GPU and buys a second one, where larger batches, fewer launches or a compiled model would use
the first.

How to fix it:
Look at MFU (operations done, of the peak at the precision used), MBU (bytes moved, of the memory's
bandwidth) and the share of time in which kernels ran. Do not scale out by `utilization.gpu`: scale
by queue time or requests under way. The other findings of this report say what would use the GPU.

When to ignore it:
The service is as fast and as cheap as it has to be. Where what kernels did is mostly unknown (CUDA
graphs, compiled code), MFU and MBU are not known either, and this rule does not guess.

Catalogue: IP-ENV-006
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from infprof.profiler.intervals import length
from infprof.profiler.roofline import roofline
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.host_load import mean_load
from infprof.rules.launch_gaps import tracer_cost_ns

NEEDS: tuple[Need, ...] = ("device", "gpu_samples")
ALWAYS_REPORT = True
"""It corrects a number that people act on; what to do instead is other rules' to say."""

BUSY_PERCENT = 80.0
"""What many dashboards and autoscalers call a full GPU."""

LOW_MFU = 0.10
"""Of the peak, of which good products alone reach 0.71 to 0.87 (CATALOGUE IP-ENV-006)."""

LOW_MBU = 0.30
"""Of the bandwidth, of which kernels bound by memory reach 0.8 to 0.92 (CATALOGUE section 0)."""

LOW_BUSY_SHARE = 0.5
"""Of the requests' time: with less, the device waits more than it works."""


class Seen(NamedTuple):
    """What the trace tells of the GPU's work, as shares of what it could be."""

    busy: float
    mfu: float | None
    mbu: float | None
    missing: str
    """Why one of the two is not known."""


FIX = Fix(
    text="Judge the GPU by MFU, MBU and the share of time in which kernels ran.",
    code="""\
infprof report RECORDING                  # MFU, MBU and the roofline of each kernel family
dcgmi dmon -e 1002,1003,1004,1005         # SM active, occupancy, tensor and memory active
""",
    risk="None: it changes what is looked at. A GPU that serves interactive requests need not be"
    " full.",
    references=(
        "https://docs.nvidia.com/deploy/nvml-api/structnvmlUtilization__t.html",
        "https://docs.nvidia.com/datacenter/dcgm/latest/user-guide/feature-overview.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Compare NVML's number with those of the kernels."""
    said = mean_load(evidence, "gpu.utilization")
    if said is None:
        raise Unknown("the utilization of the GPU was not sampled while requests came")
    if said < BUSY_PERCENT:
        return
    seen = _seen(evidence)
    if seen.busy >= LOW_BUSY_SHARE and not _does_little(seen):
        return
    known = [f"kernels and copies fill {100 * seen.busy:.0f} % of a request's time"]
    known += [f"MFU is {100 * seen.mfu:.2g} %"] if seen.mfu is not None else []
    known += [f"MBU is {100 * seen.mbu:.2g} %"] if seen.mbu is not None else []
    yield Finding(
        title="Do not read the GPU's utilization as load",
        why=f"NVML says {said:.0f} % utilization, but {', '.join(known)}.",
        stage="compute",
        saving=Saving(0, 0, "C", "none"),
        fix=FIX,
    )


def _seen(evidence: Evidence) -> Seen:
    """As it is without the tracer, which makes requests longer and the GPU no busier."""
    found, covered = roofline(evidence.timeline), length(evidence.covered)
    tracing = (tracer_cost_ns(evidence) or 0) * evidence.requests
    longer = covered / max(covered - tracing, evidence.device_busy_ns, 1)
    return Seen(
        evidence.device_busy_ns * longer / max(covered, 1),
        None if found.mfu is None else found.mfu * longer,
        None if found.mbu is None else found.mbu * longer,
        next(iter(found.missing.values()), ""),
    )


def _does_little(seen: Seen) -> bool:
    """Raises ``Unknown`` where what the kernels did is not known."""
    if seen.mfu is not None and seen.mfu >= LOW_MFU:
        return False
    if seen.mbu is not None and seen.mbu >= LOW_MBU:
        return False
    if seen.mfu is None or seen.mbu is None:
        raise Unknown(seen.missing)
    return True
