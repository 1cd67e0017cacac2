"""Bytes are made floats on the CPU, and travel to the GPU four times as large.

What it looks for:
A cast of 8-bit integers to a wider type on the host (`.float()`, `.to(torch.float32)`), and in the
same request a copy to the device of just as many elements of that type, 100 KB or more. The cast
and the part of the copy that the bytes would not need are counted.

Why it costs time:
Pictures come as 8 bits per channel. As float32 they take four times the time on the link, and the
cast and everything after it run at the speed of a CPU: a GPU casts and normalises a batch in
microseconds, as it is written to its memory.

How to fix it:
Copy the bytes as they are, best as the decoder made them (NHWC), from pinned memory; cast, permute
and normalise on the GPU: torchvision.transforms.v2 does it on CUDA tensors.

When to ignore it:
A step between the cast and the copy needs floats on the CPU and cannot move, like a resize that
must round as another library does.

Catalogue: IP-H2D-004
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import NamedTuple

import numpy as np

from infprof.profiler import names
from infprof.profiler.events import Kind
from infprof.profiler.op_call import ITEM_BYTES
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Request, Rows
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.op_inputs import inputs_of
from infprof.rules.op_kernels import launchers

NEEDS: tuple[Need, ...] = ("device", "ops", "shapes")

MIN_BYTES = 100_000
"""Smaller inputs cross the link in less time than a copy takes to start (CATALOGUE 1.2)."""

NARROW = ("unsigned char", "signed char", "bool")
"""Types of one byte, as the tracer writes them."""

HOST = ("compute.cpu", "preprocess", "postprocess", "python", "unattributed")
"""Where a cast on the host is booked, by what was declared around it."""

FIX = Fix(
    text="Copy the bytes, and make floats of them on the GPU.",
    code="""\
batch = pinned_uint8.to("cuda", non_blocking=True)     # N, H, W, 3 as decoded
x = batch.permute(0, 3, 1, 2).float().div_(255)        # or .half(); on the GPU
x = (x - mean) / std                                   # mean and std live on the GPU
y = model(x)
""",
    risk="Compare outputs where a resize moves to the GPU as well: it may round otherwise.",
    references=("https://docs.pytorch.org/vision/stable/transforms.html",),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Pair casts on the host with copies of their results."""
    casts, copies, needed = _widened(evidence)
    if not len(copies):
        return
    moving = evidence.exposed_part_ns(_with_calls(evidence, copies), "h2d.copy", "h2d.staging")
    part = 1 - needed / int(evidence.timeline.events.size_bytes[copies].sum())
    casting = evidence.exposed_part_ns(casts, *HOST)
    time_ns = int(moving * part) + casting
    size = evidence.per_request(int(evidence.timeline.events.size_bytes[copies].sum()))
    yield Finding(
        title="Copy bytes to the GPU, and cast them there",
        why=f"{size / 1e6:.1f} MB per request travel to the GPU where "
        f"{evidence.per_request(needed) / 1e6:.1f} MB would do: 8-bit values are cast on the CPU "
        f"first. That takes {casting / 1e6:.2f} ms, and the copies {moving / 1e6:.2f} ms "
        f"({100 * evidence.share(casting + moving):.0f} % of the wall together).",
        stage="h2d",
        saving=Saving(0, time_ns, "B"),
        fix=FIX,
        where=evidence.top(np.concatenate([casts, copies])),
        change=_narrowed(evidence, casts, copies, part),
    )


def _narrowed(evidence: Evidence, casts: Rows, copies: Rows, part: float) -> Change | None:
    shorter = evidence.shorter((copies, part))
    removed = Change(host_removed=evidence.timeline.busy(casts))
    return None if shorter is None else shorter.and_also(removed)


def _with_calls(evidence: Evidence, copies: Rows) -> Rows:
    calls = evidence.timeline.launch_of[copies]
    return np.concatenate([copies, calls[calls >= 0]]).astype(np.intp)


def _widened(evidence: Evidence) -> tuple[Rows, Rows, int]:
    """Casts on the host, the copies of what they made, and how many bytes were cast."""
    writes = evidence.named(Kind.OP, "aten::copy_")
    on_gpu = launchers(evidence, writes, evidence.rows(Kind.KERNEL))
    writes = np.setdiff1d(writes, on_gpu)
    uploads = evidence.rows(Kind.COPY, names.copy_direction, "h2d")
    uploads = uploads[evidence.timeline.events.size_bytes[uploads] >= MIN_BYTES]
    casts, copies, needed = list[int](), list[int](), 0
    for one in evidence.breakdown.requests:
        made = _made(evidence, _started_in(evidence, writes, one.request))
        for copy in _started_in(evidence, uploads, one.request).tolist():
            cast = _cast_for(evidence, copy, made)
            if cast is not None:
                casts.append(cast)
                copies.append(copy)
                needed += made.pop(cast).elements
    return np.array(sorted(casts), np.intp), np.array(copies, np.intp), needed


class _Made(NamedTuple):
    """What a cast made of bytes."""

    size_bytes: int
    elements: int


def _made(evidence: Evidence, writes: Rows) -> dict[int, _Made]:
    """The casts of bytes to something wider, by their row."""
    found = dict[int, _Made]()
    for row in writes.tolist():
        inputs = inputs_of(evidence.timeline, row)
        if inputs is not None and inputs.types[1:2] and inputs.types[1] in NARROW:
            elements = prod(inputs.shape(0))
            size = elements * ITEM_BYTES.get(inputs.types[0], 1)
            if size > elements:
                found[row] = _Made(size, elements)
    return found


def _cast_for(evidence: Evidence, copy: int, made: Mapping[int, _Made]) -> int | None:
    """The last cast that was over before a copy of just as many bytes began."""
    events = evidence.timeline.events
    able = [
        cast
        for cast, one in made.items()
        if one.size_bytes == events.size_bytes[copy]
        and events.end_ns[cast] <= events.start_ns[copy]
    ]
    return max(able, key=lambda cast: int(events.start_ns[cast]), default=None)


def _started_in(evidence: Evidence, rows: Rows, request: Request) -> Rows:
    starts = evidence.timeline.events.start_ns[rows]
    chosen: Rows = rows[(starts >= request.start_ns) & (starts < request.end_ns)]
    return chosen
