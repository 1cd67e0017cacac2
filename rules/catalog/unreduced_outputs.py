"""Whole tensors travel back to the host, of which the program needs a small part or less precision.

What it looks for:
Copies to the host of 64 KB and more, a megabyte or more per request, in time in which the GPU had
nothing else to do. Smaller copies are small-copies' case, and what such a call waits for is not
counted.

Why it costs time:
One row of float32 scores over 128,000 words is half a megabyte, and the word that is chosen is 8
bytes. Masks and pictures in float32 are four times as large as in 8 bits. Into pageable memory the
driver copies everything twice, through a buffer of its own.

How to fix it:
Reduce on the GPU: `argmax`, `topk`, a threshold, NMS; turn masks to `uint8`, scores to 16 bits.
What is still large goes into a buffer that was pinned once, with `non_blocking=True`; wait for an
event before the host reads it.

When to ignore it:
The caller needs the whole tensor as it is, as with embeddings: then only pinned memory helps.

Catalogue: IP-D2H-002
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.profiler import names
from infprof.profiler.events import Kind
from infprof.profiler.timeline import Rows
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.host_link import host_link

NEEDS: tuple[Need, ...] = ("device",)

SMALL_BYTES = 64_000
"""A smaller copy costs more to start than to move: packing helps it, not reducing."""

MIN_BYTES = 1_000_000
"""A megabyte crosses the slowest link in use in 0.1 ms; less than that is not worth a change."""

FIX = Fix(
    text="Reduce on the GPU to what is used; copy what is large into memory that was pinned once.",
    code="""\
best = scores.topk(5)                        # instead of scores.cpu(), then sorting there
masks = (logits > 0).to(torch.uint8)         # instead of float32 logits

kept = torch.empty(masks.shape, dtype=masks.dtype, pin_memory=True)   # once, at start-up
kept.copy_(masks, non_blocking=True)
copied = torch.cuda.Event()
copied.record()
copied.synchronize()                         # before the host reads kept
""",
    risk="Without waiting for the event the host reads what the buffer held before. Ties may be "
    "ordered otherwise on the GPU; 16 bits round.",
    references=("https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html",),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the large copies to the host by the time that they were waited for."""
    copies = evidence.rows(Kind.COPY, names.copy_direction, "d2h")
    sizes = evidence.timeline.events.size_bytes[copies]
    unknown_ns = evidence.exposed_part_ns(copies[sizes < 0], "d2h.copy")
    if evidence.share(unknown_ns) >= GATE_SHARE:
        raise Unknown("the trace does not say how large the copies to the host were")
    large = copies[sizes >= SMALL_BYTES]
    size = evidence.per_request(int(evidence.timeline.events.size_bytes[large].sum()))
    if size < MIN_BYTES:
        return
    spent = evidence.exposed_part_ns(large, "d2h.copy")
    yield Finding(
        title="Reduce results on the GPU, and copy only what is used",
        why=f"{len(large) / evidence.requests:.0f} copies bring {size / 1e6:.1f} MB per request to "
        f"the host, and the request waits {spent / 1e6:.2f} ms for them to arrive "
        f"({100 * evidence.share(spent):.0f} % of the wall).",
        stage="d2h",
        saving=Saving(_pinned_saves_ns(evidence, large), spent, "C"),
        fix=FIX,
        where=evidence.top(large),
        change=evidence.shorter((large, 1.0)),
    )


def _pinned_saves_ns(evidence: Evidence, copies: Rows) -> int:
    """What pinned memory takes off the copies to pageable memory: links are as quick both ways."""
    link = host_link(evidence.header.machine)
    rows = copies[evidence.timeline.label(copies, names.copy_memory) == "pageable"]
    size = evidence.per_request(int(evidence.timeline.events.size_bytes[rows].sum()))
    spent = evidence.exposed_part_ns(rows, "d2h.copy")
    return max(spent - link.wire_ns(size), 0) if link.known else 0
