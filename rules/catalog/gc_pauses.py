"""The garbage collector of Python stops the program in the middle of requests.

What it looks for:
Pauses of CPython's collector inside requests that last 2 ms or take 1 % of the wall. It is a
finding where they are 5 % of the mean wall, or where they make the tail: 1 % of the requests or
more are hit by a pause and take 1.5 times the median wall.

Why it costs time:
A full collection visits every container object that the process holds, dead or alive: 50 to 100 ns
each, so a million of them (a loaded vocabulary, an index, the modules of torch) cost 50 to 100 ms.
It comes whenever enough objects were made, so one request in fifty pays for all.

How to fix it:
``gc.freeze()`` after warm-up takes what is there for good out of every later collection. Raise the
thresholds, and collect between requests, when nobody waits.

When to ignore it:
A short script whose few pauses belong to its start. Objects in cycles that a request makes are only
freed by the collector: with it held back memory grows until the next collection.

Catalogue: IP-PY-005
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.profiler.replay import Change
from infprof.rules.collections_in_requests import PausedRequests, paused_requests, pauses
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence, Need
from infprof.rules.exact_spans import without
from infprof.rules.finding import Finding, Fix, Saving, Unknown, Where
from infprof.rules.host_code import places
from infprof.rules.spans_of_samples import samples_within

NEEDS: tuple[Need, ...] = ("requests",)
USES_TRACER = False

ALWAYS_REPORT = True
"""A pause that makes the 99th percentile may be nothing in the mean: this rule has its own gate."""

LONG_PAUSE_NS = 2_000_000
"""A full collection of a small program; those of young objects take microseconds (CATALOGUE)."""

WALL_SHARE = 0.01
"""Shorter pauses count from this share of the wall on (CATALOGUE IP-PY-005)."""

HIT_SHARE = 0.01
"""One request in a hundred is what the 99th percentile shows."""

SLOW = 1.5
"""A request that takes this much of the median wall stands out from noise of 5 to 10 %."""

FEW_PAUSES = 2
"""A single pause does not tell how often they come."""

FIX = Fix(
    text="Freeze what start-up and warm-up made, and collect between requests.",
    code="""\
import gc

warm_up(model)
gc.collect()
gc.freeze()  # what exists now lives as long as the process: never visit it again
gc.set_threshold(50_000, 20, 100)  # collect less often

def serve(requests):
    for number, request in enumerate(requests):
        yield handle(request)
        if number % 1000 == 999:
            gc.collect()  # here nobody waits
""",
    risk="Cyclic garbage lives longer, so memory grows between collections: watch the process.",
    references=(
        "https://docs.python.org/3/library/gc.html#gc.freeze",
        "https://docs.python.org/3/library/gc.html#gc.set_threshold",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find requests that the garbage collector stops."""
    rows = pauses(evidence)
    if not len(rows):
        _require_watched(evidence)
        return
    found = paused_requests(evidence, rows)
    hit = (found.pause_ns > 0) & (found.walls_ns >= SLOW * found.median_ns)
    hit &= found.pause_ns >= (found.walls_ns - found.median_ns) / 2  # the pause is why it is slow
    relevant = found.longest_ns >= LONG_PAUSE_NS or found.share >= WALL_SHARE
    in_mean = found.share >= GATE_SHARE
    in_tail = hit.mean() >= HIT_SHARE if len(hit) else False
    if not relevant or not (in_mean or in_tail):
        return
    if len(found.inside) < FEW_PAUSES:
        raise Unknown("a single pause of the garbage collector cannot tell how often they come")
    saving = round(evidence.wall_ns * found.share)
    yield Finding(
        title="Keep the garbage collector out of the requests",
        why=_why(found),
        stage="python",
        saving=Saving(0, saving, "B"),
        fix=FIX,
        where=_where(evidence, found),
        change=_without(evidence, found),
    )


def _without(evidence: Evidence, found: PausedRequests) -> Change | None:
    """The pauses themselves, where those that were counted are those of a replay."""
    return without(evidence, evidence.timeline.busy(found.inside)) if found.are_explained else None


def _require_watched(evidence: Evidence) -> None:
    """No pause means something only where pauses were listened for."""
    reason = evidence.header.missing.get("gc")
    if reason is None and evidence.header.subject.kind in ("trace", "profile"):
        reason = "a trace does not tell the pauses of the garbage collector"
    if reason is not None:
        raise Unknown(reason)


def _why(found: PausedRequests) -> str:
    paused = found.pause_ns > 0
    p99, without = (
        np.percentile(walls, 99, method="nearest") / 1e6
        for walls in (found.walls_ns, found.walls_ns - found.pause_ns)
    )
    return (
        f"The collector stopped {int(paused.sum())} of {len(paused)} requests for"
        f" {found.pause_ns[paused].mean() / 1e6:.1f} ms each, {100 * found.share:.1f} % of all"
        f" time. The median request takes {found.median_ns / 1e6:.1f} ms, the 99th percentile"
        f" {p99:.1f} ms, and {without:.1f} ms without the pauses."
    )


def _where(evidence: Evidence, found: PausedRequests) -> tuple[Where, ...]:
    """The pauses, and the lines in which they came: one line alone may call ``gc.collect()``."""
    whole = Where(
        "garbage collection",
        len(found.inside) / len(found.walls_ns),
        round(float(found.pause_ns.mean())),
        f"longest {found.longest_ns / 1e6:.1f} ms",
    )
    return (whole, *places(evidence, samples_within(evidence, found.inside), most=4))
