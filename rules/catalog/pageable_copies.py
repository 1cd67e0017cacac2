"""Inputs reach the GPU from pageable memory, or are pinned anew for each request.

What it looks for:
Copies to the device whose source is pageable host memory, a megabyte or more per request, and the
calls that stage them; and `pin_memory()` or `cudaHostAlloc` on the request's own thread. Only time
in which the GPU had nothing else to do counts.

Why it costs time:
The GPU can only read pinned memory. From pageable memory the driver first copies the bytes into a
pinned buffer of its own, piece by piece, on the calling thread: that reaches 0.3 to 0.6 of the
link's rate and overlaps with nothing. Pinning inside the request is no cure: `pin_memory()`
allocates pinned memory and copies into it, which makes `x.pin_memory().to("cuda")` up to twice as
slow as a plain `.to("cuda")`.

How to fix it:
Allocate a small ring of pinned buffers once, let the decoder or the batcher write into them, and
copy with `non_blocking=True`. In a DataLoader, `pin_memory=True` does the same on a thread of its
own. Before a buffer is written again, wait for the event recorded after its last copy.

When to ignore it:
Inputs under a megabyte: the fixed cost of a copy (about 10 us) decides. Machines whose GPU shares
coherent memory with the host (GH200, GB200). Weights copied once at start-up.

Catalogue: IP-H2D-001
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.profiler import names
from infprof.profiler.events import Kind
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence, Need
from infprof.rules.exact_spans import without_rows
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.host_link import HostLink, host_link

NEEDS: tuple[Need, ...] = ("device",)

MIN_BYTES = 1_000_000
"""Below a megabyte per request the fixed cost of a copy rules, not the kind of memory."""

HOST_COPY_BYTES_PER_S = 8_000_000_000
"""One thread's memcpy: what filling the ring costs if the producer cannot write into it directly.
The low estimate pays for it."""

PINNING = ("aten::pin_memory", "aten::_pin_memory", "cudaHostAlloc", "hipHostMalloc")
"""What pinning a tensor looks like in a trace."""

HOST_LEAVES = ("python", "preprocess", "postprocess", "compute.cpu")
"""Where time spent pinning is booked, by what else was declared around it."""


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge where the copied bytes come from, then who pins."""
    link = host_link(evidence.header.machine)
    if link.coherent:
        return
    copies = evidence.rows(Kind.COPY, names.copy_direction, "h2d")
    memory = evidence.timeline.label(copies, names.copy_memory)
    yield from _pinned_per_request(evidence)
    pageable = copies[memory == "pageable"]
    if _bytes(evidence, pageable) >= MIN_BYTES:
        yield _pageable(evidence, pageable, link)
    elif _bytes(evidence, copies[memory == "unknown"]) >= MIN_BYTES:
        raise Unknown("the trace does not say whether the copied memory was pinned")


def _bytes(evidence: Evidence, copies: Rows) -> int:
    """Bytes per request; a copy of unknown size counts as none."""
    return evidence.per_request(
        int(np.maximum(evidence.timeline.events.size_bytes[copies], 0).sum())
    )


def _pageable(evidence: Evidence, copies: Rows, link: HostLink) -> Finding:
    size = _bytes(evidence, copies)
    calls = evidence.timeline.launch_of[copies]
    calls = calls[calls >= 0].astype(np.intp)
    rows = np.concatenate([copies, calls])
    spent = evidence.exposed_part_ns(rows, "h2d.copy", "h2d.staging")
    stays = link.wire_ns(size)
    high = max(spent - stays, 0)
    refill = size * 10**9 // HOST_COPY_BYTES_PER_S
    low = max(high - refill, 0) if link.known else 0
    assumed = "" if link.known else " (the link is not known: the slowest in use is assumed)"
    return Finding(
        title="Let inputs land in a reused pinned buffer instead of pageable memory",
        why=f"{size / 1e6:.1f} MB per request are copied from pageable memory; the request waits "
        f"{spent / 1e6:.2f} ms for it ({100 * evidence.share(spent):.0f} % of the wall), where "
        f"pinned memory would need {stays / 1e6:.2f} ms{assumed}.",
        stage="h2d",
        saving=Saving(low, high, "B" if link.known else "C"),
        fix=FIX,
        where=evidence.top(rows),
        change=_pinned(evidence, copies, calls, stays),
    )


def _pinned(evidence: Evidence, copies: Rows, calls: Rows, stays_ns: int) -> Change | None:
    """The copies as quick as the link, and calls that neither stage them nor wait for them."""
    taken = evidence.per_request(int(evidence.timeline.durations(copies).sum()))
    copied = evidence.shorter((copies, max(1 - stays_ns / max(taken, 1), 0.0)))
    if copied is None:
        return None
    staging = evidence.timeline.busy(calls)
    return copied.and_also(Change(None, staging, frozenset(calls.tolist())))


def _pinned_per_request(evidence: Evidence) -> Iterator[Finding]:
    """Pinning on a thread that serves requests; a helper thread's costs the request nothing."""
    events = evidence.timeline.events
    rows = np.concatenate(
        [evidence.named(Kind.OP, *PINNING), evidence.named(Kind.CALL, *PINNING)]
    ).astype(np.intp)
    rows = rows[np.isin(events.lane[rows], _serving_lanes(evidence))]
    outermost = np.intersect1d(rows, evidence.timeline.outermost_ops)
    calls = rows[events.kind[rows] == Kind.CALL]
    if max(len(outermost), len(calls)) < max(evidence.requests, 2):
        return  # once in the whole recording: the first request allocates what the others reuse
    spent = evidence.exposed_part_ns(rows, *HOST_LEAVES)
    yield Finding(
        title="Stop pinning memory inside the request: fill a buffer that was pinned once",
        why=f"Each request pins memory {max(len(outermost), len(calls)) / evidence.requests:.0f} "
        f"times, which takes {spent / 1e6:.2f} ms of it "
        f"({100 * evidence.share(spent):.0f} % of the wall).",
        stage="h2d",
        saving=Saving(0, spent, "B"),
        fix=FIX,
        where=evidence.top(rows),
        change=without_rows(evidence, rows, *HOST_LEAVES),
    )


def _serving_lanes(evidence: Evidence) -> list[int]:
    """Threads that serve requests; where none are marked, those that launch kernels."""
    marked = {one.request.lane for one in evidence.breakdown.requests}
    lanes = [lane for lane in marked if lane is not None]
    launches = evidence.rows(Kind.CALL, names.call_class, "launch", "graph")
    return lanes or [int(lane) for lane in np.unique(evidence.timeline.events.lane[launches])]


FIX = Fix(
    text="Pin a ring of buffers once, write inputs straight into it, copy without blocking.",
    code="""\
ring = [torch.empty(shape, dtype=dtype, pin_memory=True) for _ in range(2)]  # once, at start-up
copied = [torch.cuda.Event() for _ in ring]

def upload(turn, fill):
    slot = turn % len(ring)
    copied[slot].synchronize()   # the last copy out of this buffer is done
    fill(ring[slot])             # decode or collate straight into pinned memory
    on_gpu = ring[slot].to("cuda", non_blocking=True)
    copied[slot].record()
    return on_gpu
""",
    risk="A buffer overwritten before its copy is done corrupts the input: keep the event. Pinned "
    "memory cannot be swapped out; keep the ring small. Never call x.pin_memory() per request.",
    references=(
        "https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html",
        "https://docs.pytorch.org/docs/stable/data.html#memory-pinning",
    ),
)
