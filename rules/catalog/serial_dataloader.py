"""The loop waits for its DataLoader: batches are loaded between model calls, not during them.

What it looks for:
Exposed time in the ranges that torch records around a DataLoader's ``__next__``. The
single-process iterator means ``num_workers=0``: dataset, transforms and collate run on the thread
that drives the model. Long waits of the multi-process iterator mean too few workers, or workers
started anew for each request. A loader that starts workers in each request keeps the tracer from
seeing any: then samples of the loader's waits for its workers count.

Why it costs time:
With no workers each step takes load time plus model time; with enough of them it takes the longer
of the two. Each worker is a process, so it needs a core, and starting one costs 10 ms to seconds.
The saving is that of a flow, by the number of threads that were measured to advance at once;
unmeasured, the usable cores bound it.

How to fix it:
Set ``num_workers`` to load time over model time, rounded up, and at most one less than the usable
cores; ``persistent_workers=True`` and one DataLoader for the life of the process keep them alive.

When to ignore it:
A server that handles one request at a time has no next batch to load ahead. On a host without
spare cores workers take from the model what they give to the loader.

Catalogue: IP-PRE-005
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.profiler.events import Kind
from infprof.profiler.timeline import Rows
from infprof.rules.call_masks import under
from infprof.rules.evidence import Evidence, Need
from infprof.rules.exact_spans import without_rows
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.host_code import places
from infprof.rules.overlap import saving_beside
from infprof.rules.sampled_time import visible_ns

NEEDS: tuple[Need, ...] = ()

SERIAL = "_SingleProcessDataLoaderIter.__next__"
"""How torch names the step of a loader without workers (``num_workers=0``)."""

PARALLEL = "_MultiProcessingDataLoaderIter.__next__"
"""Loading in worker processes: the main thread only waits for a finished batch."""

LOADER = "torch/utils/data/"
"""Files of the loader: the user's code under them loads and transforms."""

MOST_WORKERS = 8
"""Workers the advice names at most: beyond, memory and shared-memory copies usually cost more than
the overlap brings."""

WORKERS = "multiprocessing/"
"""Files that a loader calls only where it has worker processes."""

HAND_OVER_SHARE = 0.10
"""A batch that is ready still has to be taken over from its worker: a few milliseconds."""

CODE = """\
from torch.utils.data import DataLoader

loader = DataLoader(
    dataset, batch_size=32, num_workers={workers}, persistent_workers=True, prefetch_factor=4,{pin}
)  # once per process, not once per request
"""
"""Keyword by keyword what the findings of this rule advise."""


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find loops that wait for their DataLoader."""
    if (reason := evidence.lacks("ops")) is not None:
        yield from _sampled(evidence, reason)
        return
    serial = evidence.rows(Kind.RANGE, lambda name: "yes" if SERIAL in name else None, "yes")
    parallel = evidence.rows(Kind.RANGE, lambda name: "yes" if PARALLEL in name else None, "yes")
    waited = evidence.exposed_part_ns(serial, "preprocess")
    if waited:
        yield _finding(
            evidence, serial, waited, _saving(evidence, serial, waited),
            "Load batches in worker processes",
            "on the thread that drives the model (num_workers=0)",
        )  # fmt: skip
    stalled = evidence.exposed_part_ns(parallel, "preprocess")
    if evidence.share(stalled) >= HAND_OVER_SHARE:
        yield _finding(
            evidence, parallel, stalled, Saving(0, stalled, "C"),
            "Keep enough DataLoader workers alive",
            "although there are workers: too few of them, or started anew each time",
        )  # fmt: skip


def _sampled(evidence: Evidence, reason: str) -> Iterator[Finding]:
    """What samples tell of loaders with workers, where no request was traced."""
    waits = under(evidence, lambda place: LOADER in place.file)
    waits &= under(evidence, lambda place: WORKERS in place.file)
    if not (waits & evidence.timeline.samples.of_requests).any():
        raise Unknown(reason)
    stalled = visible_ns(evidence, waits, "a loader's workers")
    if evidence.share(stalled) >= HAND_OVER_SHARE:
        yield _finding(
            evidence, None, stalled, Saving(0, stalled, "C"),
            "Keep enough DataLoader workers alive",
            "although there are workers: too few of them, or started anew each time",
        )  # fmt: skip


def _saving(evidence: Evidence, rows: Rows, waited: int) -> Saving:
    """As a pipeline, where it was measured how many threads advance at once; a ceiling elsewhere.

    A worker on the only core would merely take turns with the model, and so it does where two
    threads were measured to advance no faster than one.
    """
    cores, batches = evidence.header.machine.cpu.usable, len(rows) / evidence.requests
    if cores is None:
        return Saving(0, waited, "C")
    if cores < 2:
        return Saving(0, 0, "C")
    workers = workers_for(evidence, waited)
    found = saving_beside(evidence, rows, "preprocess", workers, batches)
    after_ns = max(evidence.wall_ns - waited, -(-waited // cores))
    return found or Saving(0, max(evidence.wall_ns - after_ns, 0), "B")


def workers_for(evidence: Evidence, loading_ns: int) -> int:
    """Workers that keep up with the rest of the request, within the usable cores."""
    rest_ns = max(evidence.wall_ns - loading_ns, 1)
    cores = evidence.header.machine.cpu.usable or MOST_WORKERS + 1
    return max(1, min(-(-loading_ns // rest_ns), cores - 1, MOST_WORKERS))


def _finding(
    evidence: Evidence, rows: Rows | None, waited: int, saving: Saving, title: str, how: str
) -> Finding:
    """Of the loader's steps; without them, of samples, to which waiting for a process is ``io``."""
    batches = "its" if rows is None else f"{len(rows) / evidence.requests:.1f}"
    pin = " pin_memory=True," if evidence.device_use == "used" else ""
    workers = workers_for(evidence, waited)
    share = 100 * evidence.share(waited)
    change = None
    if rows is not None:
        change = without_rows(evidence, rows, "preprocess", part=saving.high_ns / waited)
    return Finding(
        title=title,
        why=(
            f"Loading {batches} batches keeps each request waiting {waited / 1e6:.2f} ms"
            f" ({share:.0f} % of its wall), {how}."
        ),
        stage="io" if rows is None else "preprocess",
        saving=saving,
        fix=Fix(
            text=f"Use {workers} workers to start with, and keep them between requests.",
            code=CODE.format(workers=workers, pin=pin),
            risk="Each worker holds a copy of the dataset object; never fork after CUDA is in use.",
            references=("https://docs.pytorch.org/docs/stable/data.html",),
        ),
        change=change,
        where=(
            *places(evidence, under(evidence, lambda place: LOADER in place.file), most=3),
            *(() if rows is None else evidence.top(rows, most=2)),
        ),
    )
