"""The GPU computes nothing while the next input is on its way to it.

What it looks for:
Copies to the device of 256 KB and more during which no kernel ran, in a recording of several
requests or of several such copies. From pageable copies only the part counts that would remain
after pinning: the rest is pageable-copies' finding.

Why it costs time:
A GPU copies and computes with different engines. When one stream does both in turn, each waits for
the other; with two streams a steady flow of inputs takes the longer of the two instead of their
sum. The most that can be gained per request is the shorter of exposed copying and exposed compute,
and no more than a replay saves in which each input has arrived during the request before.

How to fix it:
Copy the next input on a side stream while the model works on this one. That needs all three: a
pinned source, `non_blocking=True`, and a stream other than the model's. Wait for the side stream
before use, and tell the allocator with `record_stream`. In Triton, two model instances do the same.

When to ignore it:
One request at a time is in flight and its latency is what counts: this raises throughput, and does
not shorten a single request. Then only smaller inputs help.

Catalogue: IP-H2D-002
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.profiler import names
from infprof.profiler.events import Kind
from infprof.profiler.replay import Change
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.host_link import host_link

NEEDS: tuple[Need, ...] = ("device",)

MIN_COPY_BYTES = 256_000
"""A smaller copy lasts about 10 us, as long as the events and the second stream cost."""

MIN_COPIES = 2
"""With a single input there is nothing to compute on while it is copied."""


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the copies that neither compute nor anything else of the device hid."""
    copies = evidence.rows(Kind.COPY, names.copy_direction, "h2d")
    copies = copies[evidence.timeline.events.size_bytes[copies] >= MIN_COPY_BYTES]
    if len(copies) < MIN_COPIES:
        return
    pageable = evidence.timeline.label(copies, names.copy_memory) == "pageable"
    wire = host_link(evidence.header.machine).wire_ns(
        evidence.per_request(int(evidence.timeline.events.size_bytes[copies[pageable]].sum()))
    )
    copying = evidence.exposed_part_ns(copies[~pageable], "h2d.copy") + min(
        evidence.exposed_part_ns(copies[pageable], "h2d.copy"), wire
    )
    computing = evidence.exposed_ns("compute") - evidence.exposed_ns("compute.cpu")
    yield Finding(
        title="Copy the next input on a side stream while the model works on this one",
        why=f"The GPU spends {copying / 1e6:.2f} ms per request on copies of inputs during which "
        f"it computes nothing ({100 * evidence.share(copying):.0f} % of the wall), and "
        f"{computing / 1e6:.2f} ms computing; a steady flow could do both at once. "
        "This raises throughput, not the speed of a single request.",
        stage="h2d",
        saving=Saving(0, min(copying, computing), "C"),
        fix=FIX,
        where=evidence.top(copies),
        change=Change(ahead=frozenset(copies.tolist())),
    )


FIX = Fix(
    text="Prefetch one input ahead on a side stream, from pinned memory.",
    code="""\
side = torch.cuda.Stream()

def upload(pinned):
    with torch.cuda.stream(side):
        return pinned.to("cuda", non_blocking=True)

coming = upload(next(pinned_inputs))
for following in pinned_inputs:
    torch.cuda.current_stream().wait_stream(side)   # this input has arrived
    x, coming = coming, upload(following)           # the next one travels meanwhile
    x.record_stream(torch.cuda.current_stream())
    y = model(x)
torch.cuda.current_stream().wait_stream(side)
coming.record_stream(torch.cuda.current_stream())
y = model(coming)
""",
    risk="Without wait_stream the model reads an input that has not arrived; without record_stream "
    "its memory may be reused too early. One more input stays in GPU memory.",
    references=(
        "https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-streams",
        "https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html",
    ),
)
