"""Each request waits for storage or network reads that could run at once, or before it.

What it looks for:
Time of the request that is exposed as ``io``: ranges declared with ``stage="io"`` and frames of
known clients (requests, urllib, boto3, redis, fsspec). From 10 % of the wall on it is a finding.
Several reads one after the other in one request are the N+1 pattern: one round-trip for each item.

Why it costs time:
A read from an object store takes 10 to 100 ms, from a warm pool in the same zone 1 ms, from the
page cache 0.1 ms. That is latency, not bandwidth: the CPU and the GPU stand still meanwhile, and a
faster disk changes little. Reads that do not depend on each other can wait at the same time, so
that only the longest one counts.

How to fix it:
Issue independent reads together (``asyncio.gather``, a thread pool, MGET, one batched query) over
one pooled client that keeps its connections open. Read the next request's data while this one
computes. Keep what is read often in memory.

When to ignore it:
The call is the product (an upstream you must ask, one call per request), or each read needs the
answer of the one before: then only a cache or fewer hops help. Time that the CPU spends decoding
what it read belongs to ``preprocess``.

Catalogue: IP-IO-001
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.profiler.intervals import intersect, length
from infprof.profiler.timeline import Rows
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.host_time import named_rows, require_named_host

NEEDS: tuple[Need, ...] = ()

IO_SHARE = 0.10
"""Exposed reads below this share of the wall are left alone: concurrency in a request path has a
cost of its own, in code and in connections (CATALOGUE IP-IO-001)."""

FIX_MANY = Fix(
    text="Issue the reads of one request together, over one client that keeps its connections.",
    code="""\
import asyncio, httpx

client = httpx.AsyncClient()  # once per process: it keeps its connections open

async def read_all(urls: list[str]) -> list[bytes]:
    answers = await asyncio.gather(*(client.get(url) for url in urls))
    return [answer.content for answer in answers]
""",
    risk="More connections at once: bound them, and give each read a timeout.",
    references=(
        "https://docs.python.org/3/library/asyncio-task.html#running-tasks-concurrently",
        "https://www.python-httpx.org/async/",
    ),
)

FIX_ONE = Fix(
    text="Read the next request's data while this one computes, or keep hot data in memory.",
    code="""\
from concurrent.futures import ThreadPoolExecutor

reader = ThreadPoolExecutor(max_workers=4)

def serve(paths):
    paths = iter(paths)
    waiting = [reader.submit(read, path) for _, path in zip(range(4), paths)]
    while waiting:
        data = waiting.pop(0).result()
        waiting.extend(reader.submit(read, path) for _, path in zip(range(1), paths))
        yield model(preprocess(data))
""",
    risk="Raises throughput, not the latency of a lone request. A cache may serve stale data.",
    references=("https://docs.python.org/3/library/concurrent.futures.html",),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find requests that wait for reads."""
    rows = named_rows(evidence, lambda name, stage: stage == "io")
    waited = evidence.exposed_part_ns(rows, "io")
    if not waited:
        require_named_host(evidence, "a blocking read")
        return
    if evidence.share(waited) < IO_SHARE:
        return
    reads = len(rows) / evidence.requests
    where = evidence.top(rows)
    seen = (
        f"Each request waits {waited / 1e6:.2f} ms ({100 * evidence.share(waited):.0f} % of its"
        f" wall) for {reads:.1f} reads, most of it in {where[0].name!r}"
    )
    together = waited - _longest_ns(evidence, rows)
    if reads >= 2 and evidence.share(together) >= GATE_SHARE:  # else one read is nearly all of it
        yield Finding(
            title=f"Issue the {reads:.0f} reads of a request together",
            why=f"{seen}, one after the other: a round-trip for each (N+1).",
            stage="io",
            saving=Saving(0, together, "B"),
            fix=FIX_MANY,
            where=where,
        )
    else:
        yield Finding(
            title="Take the read out of the request",
            why=f"{seen}, while nothing else of the request runs.",
            stage="io",
            saving=Saving(0, waited, "C"),
            fix=FIX_ONE,
            where=where,
        )


def _longest_ns(evidence: Evidence, rows: Rows) -> int:
    """Exposed time of the longest read of a request: what is left when all run at once."""
    events, exposed = evidence.timeline.events, evidence.breakdown.exposed_intervals("io")
    total = 0
    for one in evidence.breakdown.requests:
        starts = events.start_ns[rows]
        mine = rows[(starts >= one.request.start_ns) & (starts < one.request.end_ns)]
        spans = [intersect(events.intervals(mine[[index]]), exposed) for index in range(len(mine))]
        total += max(map(length, spans), default=0)
    return -(-total // evidence.requests)
