"""The model computes on the CPU while a GPU of the machine does nothing.

What it looks for:
No kernel and no launch in the whole recording, half of a request or more in operators that compute
on the CPU, and a GPU that NVML knows, with less than 20 % utilization and at most half of its
memory in use.

Why it costs time:
A GPU multiplies matrices many times as fast as a CPU. That it is not used is mostly an oversight: a
torch that was built for the CPU, `device=-1`, a `map_location` that stayed, or a driver that torch
did not find, so that the program quietly fell back.

How to fix it:
Move the model once with `model.to("cuda")`, and each input with it. Where `torch.version.cuda` is
None, this torch cannot use any GPU: install the other build.

When to ignore it:
The GPU is kept for another service, or the model has to run where there is none. Models of a few
small operators are quicker on the CPU; this rule is silent where issuing their kernels would take
as long as computing does now. The saving is a ceiling by the GPU's peak rates and a few
microseconds for each operator; copies of the inputs come on top.

Catalogue: IP-ENV-002
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.profiler.peaks import Peaks, peaks_of
from infprof.profiler.recording import Gpu
from infprof.profiler.roofline import roofline
from infprof.rules.evidence import Evidence, Need
from infprof.rules.exact_spans import without
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.host_load import mean_load
from infprof.rules.model_callers import compute_where
from infprof.rules.processor import ran_on_gpu

NEEDS: tuple[Need, ...] = ("ops",)

COMPUTE_SHARE = 0.5
"""Less of the wall in compute, and the request waits for something else first (IP-ENV-002)."""

FREE_PERCENT = 20.0
"""Of the time: a GPU that works more belongs to somebody."""

FREE_MEMORY_SHARE = 0.5
"""More in use, and it is not known whether the model has a place."""

QUICK_OP_NS, SLOW_OP_NS = 5_000, 15_000
"""What an operator costs the host on a GPU, at least and at most (CATALOGUE section 0): the saving
is told with the one, and whether there is any with the other."""

CODE = """\
device = torch.device("cuda")
model = model.to(device).eval()                     # once, at the start

with torch.inference_mode():
    scores = model(batch.to(device)).cpu()
"""

BUILD = """\
# pip install --force-reinstall torch               (on Linux the build on PyPI has CUDA)
print(torch.version.cuda)                           # None: a build for the CPU alone

"""


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find compute on the CPU beside a free GPU."""
    compute_ns = evidence.exposed_ns("compute.cpu")
    if ran_on_gpu(evidence) or evidence.share(compute_ns) < COMPUTE_SHARE:
        return
    machine, flags = evidence.header.machine, evidence.header.flags
    if not machine.gpus:
        if machine.cuda is not None and flags.get("cuda_available") is False:
            return  # a torch that could use one found none
        reason = evidence.header.missing.get("gpu", "NVML was not asked")
        raise Unknown(f"whether this machine has a GPU is not known: {reason}")
    free = _free_gpu(evidence)
    if free is None:
        return
    peaks = peaks_of(machine, on_gpu=True)
    ops = evidence.per_request(len(evidence.inside(evidence.timeline.outermost_ops)))
    there_ns = _computing_there_ns(evidence, peaks)
    high = compute_ns - there_ns - ops * QUICK_OP_NS
    if compute_ns - there_ns - ops * SLOW_OP_NS <= 0:
        return
    is_for_cpu = machine.torch is not None and machine.cuda is None and machine.hip is None
    spans = evidence.breakdown.exposed_intervals("compute.cpu")
    yield Finding(
        title=f"Compute on the {free.name}, which is idle",
        why=f"{ops} operators per request compute on the CPU for {compute_ns / 1e6:.2f} ms"
        f" ({100 * evidence.share(compute_ns):.0f} % of the wall), while the GPU does nothing. It"
        f" needs {_in_words(there_ns, peaks)} for the same work, and the host"
        f" {ops * QUICK_OP_NS / 1e6:.2f} ms to issue it."
        + (" This torch is built for the CPU alone." if is_for_cpu else ""),
        stage="compute",
        saving=Saving(0, high, "C"),
        fix=Fix(
            text="Move the model and its inputs to the GPU.",
            code=(BUILD if is_for_cpu else "") + CODE,
            risk="Results differ in the last digits. The first request on a GPU is slow: warm it"
            " up. Weights and activations must fit its memory.",
            references=(
                "https://docs.pytorch.org/docs/stable/notes/cuda.html",
                "https://pytorch.org/get-started/locally/",
            ),
        ),
        where=compute_where(evidence),
        change=without(evidence, spans, high / compute_ns),
    )


def _free_gpu(evidence: Evidence) -> Gpu | None:
    """The first that does nothing. Raises ``Unknown`` where that was not sampled of any."""
    known = False
    for device, gpu in enumerate(evidence.header.machine.gpus):
        load = mean_load(evidence, "gpu.utilization", device)
        used = mean_load(evidence, "gpu.memory_used", device)
        if load is None or used is None or gpu.memory_bytes is None:
            continue
        known = True
        if load < FREE_PERCENT and used <= FREE_MEMORY_SHARE * gpu.memory_bytes:
            return gpu
    if not known:
        raise Unknown("whether the GPU is free was not sampled while requests came")
    return None


def _computing_there_ns(evidence: Evidence, peaks: Peaks | None) -> int:
    """What the GPU needs at least for the work that is known; 0 where none is."""
    if peaks is None:
        return 0
    pieces = roofline(evidence.timeline).pieces
    peak = peaks.peak("fp32") or np.inf
    flops = np.maximum(pieces.flops, 0.0) / peak
    moving = np.maximum(pieces.size_bytes, 0.0) / (peaks.bytes_per_s or np.inf)
    return evidence.per_request(round(float(np.maximum(flops, moving).sum()) * 1e9))


def _in_words(there_ns: int, peaks: Peaks | None) -> str:
    if not there_ns or peaks is None:
        return "much less"
    return f"{there_ns / 1e6:.2g} ms at its peak rates"
