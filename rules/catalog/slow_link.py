"""The link between host and GPU runs below what it is built for.

What it looks for:
NVML's PCIe generation and width while the GPU is loaded, below the highest that card and slot can
do together; or large copies from and to pinned memory of which even the quickest reaches less than
0.7 of what the link, or this machine when it was calibrated, can do.

Why it costs time:
Each lost generation and each halved width halves the bandwidth: a card in a slot with 4 lanes in
place of 16 copies at a quarter of the speed. Memory of the other socket costs 10 to 30 %.

How to fix it:
Look at slot, riser and firmware settings (`lspci -vv`, LnkSta beside LnkCap), or take another
instance. Where the link is at its full speed and copies are slow, pin the process to the socket
that the GPU hangs on: `numactl --cpunodebind=N --membind=N`.

When to ignore it:
Copies are hidden behind compute, or small: their fixed cost decides. Several GPUs or programs share
the link at that moment. An idle link sleeps at a low generation; that is not looked at.

Catalogue: IP-H2D-005
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from infprof.profiler import names
from infprof.profiler.events import Kind
from infprof.profiler.recording import Gpu
from infprof.profiler.timeline import Rows
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.gpu_load import under_load
from infprof.rules.host_link import host_link
from infprof.rules.host_load import mean_load

NEEDS: tuple[Need, ...] = ("device",)

LARGE_BYTES = 16_000_000
"""A copy of so many bytes takes hundreds of microseconds on the quickest link: its fixed cost, some
10 us, does not show."""

SLOW_SHARE = 0.7
"""Of the expected bandwidth: large pinned copies reach 0.8 to 0.9 of the wire, and a calibration is
met within some per cent (CATALOGUE IP-H2D-005)."""

LINKED = ("h2d", "d2h")

FIX = Fix(
    text="Give the card its full link, and the process the memory next to it.",
    code="""\
nvidia-smi --query-gpu=pcie.link.gen.current,pcie.link.gen.max,\\
pcie.link.width.current,pcie.link.width.max --format=csv     # while it works
sudo lspci -vv | grep -E 'LnkCap:|LnkSta:'
nvidia-smi topo -m                                           # to which CPUs the GPU is next
numactl --cpunodebind=0 --membind=0 python serve.py          # the GPU's own node
""",
    risk="A matter of the machine, not of the program: slots share lanes, and moving a card can"
    " slow another one down.",
    references=(
        "https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html",
        "https://github.com/NVIDIA/nvbandwidth",
    ),
)
"""What to look at, since only hands at the machine can change it."""


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the link as NVML saw it under load, else by the quickest large copies."""
    link = host_link(evidence.header.machine)
    if link.coherent:
        return
    copies = evidence.rows(Kind.COPY, names.copy_direction, *LINKED)
    if not len(copies):
        return
    trained = _trained(evidence)
    lower = [(share, why) for share, why in trained if share < 1]
    if lower:
        yield _found(evidence, copies, *min(lower))
        return
    pinned = copies[evidence.timeline.label(copies, names.copy_memory) == "pinned"]
    large = pinned[evidence.timeline.events.size_bytes[pinned] >= LARGE_BYTES]
    if not len(large):
        if not trained and evidence.share(evidence.exposed_part_ns(copies, *LINKED)) >= GATE_SHARE:
            raise Unknown("neither the link under load nor a large copy of pinned memory was seen")
        return
    if not link.known:
        raise Unknown("what the link between host and GPU can do is not known")
    best = max(_bytes_per_s(evidence, large).tolist())
    if best < SLOW_SHARE * link.bytes_per_s:
        why = (
            f"the quickest of {len(large)} copies of {LARGE_BYTES // 10**6} MB and more from or to "
            f"pinned memory reached {best / 1e9:.1f} of {link.bytes_per_s / 1e9:.1f} GB/s"
        )
        yield _found(evidence, pinned, best / link.bytes_per_s, why)


def _trained(evidence: Evidence) -> list[tuple[float, str]]:
    """The share that is left of each GPU's link, and that in words. Between two samples the link
    may have been awake: the best one counts."""
    if mean_load(evidence, "gpu.utilization") is None:
        return []
    found, gpus = [], evidence.header.machine.gpus
    for device, (generation, width) in under_load(
        evidence, "gpu.pcie_generation", "gpu.pcie_width"
    ).items():
        known = gpus[device] if device < len(gpus) else Gpu(name="")
        now = round(float(generation.max())), round(float(width.max()))
        full = known.pcie_generation_max, known.pcie_width_max
        if full[0] is None or full[1] is None or not min(now) > 0:
            continue
        words = (
            f"under load the link of GPU {device} runs as PCIe {now[0]} x{now[1]}, and card and"
            f" slot can do PCIe {full[0]} x{full[1]}"
        )
        found.append((2.0 ** (now[0] - full[0]) * now[1] / full[1], words))
    return found


def _bytes_per_s(evidence: Evidence, copies: Rows) -> npt.NDArray[np.float64]:
    sizes = evidence.timeline.events.size_bytes[copies].astype(np.float64)
    return sizes * 1e9 / np.maximum(evidence.timeline.durations(copies), 1)


def _found(evidence: Evidence, copies: Rows, share: float, why: str) -> Finding:
    """What these copies would take less on a link at its full speed."""
    time_ns = evidence.exposed_part_ns(copies, *LINKED)
    change = evidence.shorter((copies, 1 - share))
    size = int(np.maximum(evidence.timeline.events.size_bytes[copies], 0).sum())
    return Finding(
        title="Give the link between host and GPU its full speed",
        why=f"{why[0].upper()}{why[1:]}; copies of {evidence.per_request(size) / 1e6:.1f} MB per"
        f" request take {time_ns / 1e6:.2f} ms ({100 * evidence.share(time_ns):.0f} % of the"
        " wall).",
        stage="h2d",
        saving=Saving(
            0, evidence.saved_ns(int(time_ns * (1 - share)), change), "C", evidence.basis
        ),
        fix=FIX,
        where=evidence.top(copies),
        change=change,
    )
