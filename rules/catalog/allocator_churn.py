"""Requests take GPU memory from the driver and give it back, instead of using it again.

What it looks for:
Calls that allocate or free device memory (`cudaMalloc`, `cudaFree`, `cuMemMap`, their ROCm twins)
in half of the analysed requests or more. PyTorch's allocator keeps what it got, so that a program
in its steady state makes none. Pinning of host memory is pageable-copies' case.

Why it costs time:
Such a call takes 50 us to 10 ms. `cudaFree` waits until the device has done all it was given, and
each block that was freed must be allocated again by the next request.

How to fix it:
Remove `torch.cuda.empty_cache()` from the request. Round sizes that vary up to a few; allocate the
largest request's buffers once, at start-up. `PYTORCH_ALLOC_CONF=expandable_segments:True` lets the
allocator grow what it has instead of taking one block for each size. If memory is full, so that the
allocator must free cached blocks to serve each request, batch less or quantise.

When to ignore it:
A new largest size was met for the first time: its memory stays, and the next request is quick.

Catalogue: IP-MEM-001
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from infprof.profiler.events import Kind
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Rows
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.host_time import less_error

NEEDS: tuple[Need, ...] = ("device",)

DEVICE_MEMORY = re.compile(
    r"^(cuda|hip)(Malloc|Free)(Async|FromPoolAsync|Pitch|3D)?$"
    r"|^(cu|hip)Mem(Alloc|Free|Create|Map|Unmap|Release|AddressReserve|AddressFree)"
)
"""Calls that take device memory or give it back."""

MIN_PAYING = 2
"""One request that allocates may be the first of its size."""

MOST = 0.5
"""Memory that fewer than half of the requests take still grows towards a steady state."""

FIX = Fix(
    text="Let requests use the memory of those before: no empty_cache, few sizes, or expandable "
    "segments.",
    code="""\
# in the environment, before the process starts:
#   PYTORCH_ALLOC_CONF=expandable_segments:True
with torch.inference_mode():
    model(largest_input)        # once, at start-up: takes the memory that all others fit into

def handle(request):
    return model(padded(request))   # to one of a few sizes; no torch.cuda.empty_cache()
""",
    risk="Memory that is kept is not there for other processes on the same GPU.",
    references=(
        "https://docs.pytorch.org/docs/stable/notes/cuda.html#optimizing-memory-usage-with-"
        "pytorch-alloc-conf",
        "https://docs.pytorch.org/docs/stable/generated/torch.cuda.memory.empty_cache.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge allocating calls by how many requests make some."""
    calls = evidence.rows(
        Kind.CALL, lambda name: "yes" if DEVICE_MEMORY.search(name) else None, "yes"
    )
    time_ns = evidence.exposed_part_ns(calls, "python.alloc")
    if not len(evidence.recording.requests):
        if evidence.share(time_ns) >= GATE_SHARE:
            raise Unknown("without marked requests the first allocations look like repeated ones")
        return
    paying = _paying(evidence, calls)
    if paying < max(MIN_PAYING, MOST * evidence.requests):
        return
    yield Finding(
        title="Stop taking GPU memory from the driver in each request",
        why=f"{paying} of {evidence.requests} requests allocate or free device memory, "
        f"{len(calls) / evidence.requests:.0f} times each on average; the calls take "
        f"{time_ns / 1e6:.2f} ms ({100 * evidence.share(time_ns):.0f} % of the wall).",
        stage="python",
        saving=Saving(less_error(time_ns), time_ns, "A"),
        fix=FIX,
        where=evidence.top(calls),
        change=Change(None, evidence.timeline.busy(calls), frozenset(calls.tolist())),
    )


def _paying(evidence: Evidence, calls: Rows) -> int:
    """How many requests make such a call."""
    starts = evidence.timeline.events.start_ns[calls]
    requests = [one.request for one in evidence.breakdown.requests]
    return sum(bool(((starts >= one.start_ns) & (starts < one.end_ns)).any()) for one in requests)
