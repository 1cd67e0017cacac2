"""Each request waits for a storage or network read that could run before it.

What it looks for:
Time of the request that is exposed as ``io`` while the thread stands still: ranges declared with
``stage="io"``, entry points and frames of known clients (requests, urllib, boto3, redis, fsspec),
``open``, and stacks that were sampled blocked in a read. From 10 % of the wall on it is a finding.

Why it costs time:
A read from an object store takes 10 to 100 ms, from a warm pool in the same zone 1 ms, from the
page cache 0.1 ms. That is latency, not bandwidth: the CPU and the GPU stand still meanwhile, and a
faster disk changes little.

How to fix it:
Read the next request's data while this one computes. Keep what is read often in memory, and
connections open in a pool.

When to ignore it:
The call is the product (an upstream you must ask, one call per request). Time that the CPU spends
copying from the page cache or decoding what it read belongs to ``preprocess``. Several reads of one
kind, one after the other, are the matter of ``sequential-round-trips``.

Catalogue: IP-IO-001
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence, Need
from infprof.rules.exact_spans import without_rows
from infprof.rules.finding import Finding, Fix, Saving, Unknown, Where
from infprof.rules.host_code import Mask, places
from infprof.rules.host_time import require_named_host
from infprof.rules.read_names import names_a_line
from infprof.rules.reads import IO_SHARE, read_groups
from infprof.rules.sampled_reads import sampled_reads, sampled_reads_ns, too_few
from infprof.rules.spans_of_samples import samples_within

NEEDS: tuple[Need, ...] = ()
USES_TRACER = False

FIX = Fix(
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
    groups = read_groups(evidence)
    lone = [one for one in groups if not one.is_sequential]
    seen = sampled_reads(evidence)
    named, sampled = sum(one.waited_ns for one in lone), sampled_reads_ns(evidence, seen)
    if not groups and not sampled:
        require_named_host(evidence, "a blocking read")
        return
    if evidence.share(named + sampled) < IO_SHARE:
        return
    if evidence.share(named) < IO_SHARE and too_few(evidence):
        raise Unknown(
            "reads were sampled, but too few samples caught a request to share out its time"
        )
    rows = np.sort(np.concatenate([np.array([], np.intp), *(one.rows for one in lone)]))
    yield Finding(
        title="Take the read out of the request",
        why=_why(evidence, named, sampled, sum(one.count for one in lone), rows, seen),
        stage="io",
        saving=Saving(0, named + sampled, "C"),
        fix=FIX,
        where=_where(evidence, rows, seen),
        change=None if sampled else without_rows(evidence, rows, "io"),
    )


def _why(evidence: Evidence, named: int, sampled: int, count: float, rows: Rows, seen: Mask) -> str:
    waited = named + sampled
    share = f"{100 * evidence.share(waited):.0f} % of its wall"
    reads = f"{count:.1f} reads" if count else "reads"
    first = _where(evidence, rows, seen)[0].name
    text = (
        f"Each request waits {waited / 1e6:.2f} ms ({share}) for {reads}, most of it in {first!r},"
        " while nothing else of the request runs."
    )
    if sampled > named:
        text += " Most of that was sampled, which cannot tell how many reads it is."
    return text


def _where(evidence: Evidence, rows: Rows, seen: Mask) -> tuple[Where, ...]:
    """The ranges, and the lines of the program that were sampled where no range names a line."""
    names = evidence.timeline.events.names
    placed = [names_a_line(names[i]) for i in evidence.timeline.events.name[rows]]
    unplaced = rows[~np.array(placed, bool)]
    found = [
        *evidence.top(rows),
        *places(evidence, seen),
        *places(evidence, samples_within(evidence, unplaced)),
    ]
    return tuple(sorted(found, key=lambda one: -one.time_ns)[:5])
