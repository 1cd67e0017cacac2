"""Reads of one kind follow each other in a request, each a round-trip of its own.

What it looks for:
Two or more exposed reads per request from the same place or through the same client: ranges
declared with ``stage="io"``, entry points and frames of known clients (requests, urllib, boto3,
redis, fsspec), ``open``. It is a finding where all of them but the longest take 5 % of the wall.

Why it costs time:
One round-trip for each item is the N+1 pattern. A round-trip takes 10 to 100 ms to an object
store, 1 ms within a zone: latency, during which the CPU and the GPU stand still. Reads that do not
depend on each other can wait at the same time, so that only the longest one counts.

How to fix it:
Issue independent reads together (``asyncio.gather``, a thread pool, MGET, one batched query) over
one pooled client that keeps its connections open.

When to ignore it:
Each read needs the answer of the one before: then only a cache or fewer hops help. The
same goes for one long answer that is read in pieces. A single long read is the matter of
``blocking-io``; reads that already overlap are counted once.

Catalogue: IP-IO-001
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.rules.evidence import Evidence, Need
from infprof.rules.exact_spans import without_rows
from infprof.rules.finding import Finding, Fix, Saving, Unknown, Where
from infprof.rules.host_code import places
from infprof.rules.host_time import require_named_host
from infprof.rules.read_names import names_a_line
from infprof.rules.reads import IO_SHARE, Group, read_groups
from infprof.rules.sampled_reads import sampled_reads, sampled_reads_ns
from infprof.rules.spans_of_samples import samples_within

NEEDS: tuple[Need, ...] = ()
USES_TRACER = False

FIX = Fix(
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


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find requests that read one thing after the other."""
    groups = read_groups(evidence)
    if evidence.share(sum(one.waited_ns for one in groups)) >= IO_SHARE:
        yield from (_finding(evidence, one) for one in groups if one.is_sequential)
        return
    if not groups:
        require_named_host(evidence, "a round-trip")
    sampled = sampled_reads_ns(evidence, sampled_reads(evidence))
    if evidence.share(sampled) >= IO_SHARE:
        raise Unknown("reads were seen only in sampled stacks, which cannot count them")


def _finding(evidence: Evidence, group: Group) -> Finding:
    where = _where(evidence, group)
    share = 100 * evidence.share(group.waited_ns)
    return Finding(
        title=f"Issue the {group.count:.0f} reads of a request together",
        why=(
            f"Each request waits {group.waited_ns / 1e6:.2f} ms ({share:.0f} % of its wall) for"
            f" {group.count:.1f} reads, most of it in {where[0].name!r}, one after the other:"
            " a round-trip for each (N+1)."
        ),
        stage="io",
        saving=Saving(0, group.together_ns, "B"),
        fix=FIX,
        where=where,
        change=without_rows(evidence, group.others, "io"),
    )


def _where(evidence: Evidence, group: Group) -> tuple[Where, ...]:
    """The ranges; where the first names no line, also the lines sampled within."""
    ranges = evidence.top(group.rows)
    if names_a_line(evidence.timeline.name(group.rows[0])):
        return ranges
    return (*ranges, *places(evidence, samples_within(evidence, group.rows)))[:5]
