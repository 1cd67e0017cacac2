"""Requests sleep: for a fixed time, or again and again until something is ready.

What it looks for:
Calls of ``time.sleep`` within requests, exactly where they were recorded as ranges, else from
samples of sleeping threads; each sleep counts once. The same sleep several times in a row is a
polling loop; alone it is a fixed wait, such as the window of a batching loop. Waits on locks,
queues and sockets are no sleeps.

Why it costs time:
A sleep ends by the clock, not when the awaited thing is ready: a loop that looks every d seconds
notices d/2 late on average, and a fixed window makes each request pay for others that may never
come. Sleeps also overrun by 0.05 to 1 ms each.

How to fix it:
Wait for the thing itself: ``queue.get(timeout=...)``, ``threading.Event.wait``, a future's result,
an ``asyncio`` primitive. In a batching loop take what is there and start as soon as the model is
free.

When to ignore it:
The sleep paces calls to a service on purpose, or backs off after an error. A batching window that
fills its batches raises throughput: compare latency and throughput before you drop it.

Catalogue: IP-BAT-003
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from infprof.profiler.replay import Change
from infprof.profiler.timeline import Rows
from infprof.rules.engine import GATE_SHARE
from infprof.rules.event_loops import in_coroutine, keeps_others_waiting, lanes_of
from infprof.rules.evidence import Evidence, Need
from infprof.rules.exact_spans import without_rows
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.host_code import Mask, places, require_samples, samples_of
from infprof.rules.host_time import named_rows, require_named_host
from infprof.rules.meanwhile import running_meanwhile
from infprof.rules.next_batch import NEXT_BATCH, SMALLER
from infprof.rules.sampled_time import at_least_ns, visible_ns
from infprof.rules.sleeps import (
    Sleep,
    by_place,
    exposed_sleep_ns,
    is_sleep,
    unrecorded,
    waited_for_as,
)

NEEDS: tuple[Need, ...] = ("work",)
USES_TRACER = False

FIX_POLLING = Fix(
    text="Wait for the result itself: the waiter wakes as soon as it is there.",
    code="""\
import threading

done = threading.Event()

def finish(result):
    results.append(result)
    done.set()

def wait_for_result():
    if not done.wait(timeout=5.0):  # instead of: while not results: time.sleep(0.01)
        raise TimeoutError
    return results.pop()
""",
    risk="Whoever makes the result must signal it on every path, errors included.",
    references=(
        "https://docs.python.org/3/library/threading.html#event-objects",
        "https://docs.python.org/3/library/asyncio-sync.html",
    ),
)

FIX_FIXED = Fix(
    text="Take what is there and start at once; wait only while there is nothing to do.",
    code=NEXT_BATCH,
    risk=SMALLER,
    references=(
        "https://docs.python.org/3/library/queue.html",
        "https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/batcher.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find requests that sleep."""
    rows = named_rows(evidence, is_sleep)
    sleeping = samples_of(evidence, leaves=("python.sleep",))
    rest = unrecorded(evidence, sleeping)
    if keeps_others_waiting(evidence):  # then those in coroutines are blocking-coroutine's case
        blocking = in_coroutine(evidence) & sleeping
        rows = rows[~np.isin(evidence.timeline.events.lane[rows], lanes_of(evidence, blocking))]
        rest &= ~blocking
    if not len(rows) and not rest.any():
        if evidence.lacks("stacks"):
            require_named_host(evidence, "a sleep")
        return
    sleeps = by_place(evidence, rows)
    for polls in (True, False):
        chosen = [one for one in sleeps if one.polls == polls]
        if chosen:
            yield _polling(evidence, chosen, sleeping) if polls else _fixed(evidence, chosen)
    if rest.any():
        yield from _sampled(evidence, rest)


def _polling(evidence: Evidence, sleeps: list[Sleep], sleeping: Mask) -> Finding:
    rows, slept = _slept(evidence, sleeps)
    looks, waits = len(rows) / evidence.requests, sum(one.waits for one in sleeps)
    once = evidence.per_request(sum(one.waits * one.interval_ns for one in sleeps))
    alone = round(slept * (1 - _worked_share(evidence, sleeping)))
    high = min(slept, max(once, alone))
    where = evidence.top(rows)
    return Finding(
        title="Wait for the result instead of polling for it",
        why=(
            f"Each request sleeps {looks:.1f} times in {waits / evidence.requests:.1f} loops until"
            f" something is ready, {slept / 1e6:.2f} ms ({100 * evidence.share(slept):.0f} % of its"
            f" wall), most of it in {where[0].name!r}: it notices {once / 2e6:.2f} ms late on"
            f" average, and up to {high / 1e6:.2f} ms if what it waits for does not take its time."
        ),
        stage="python",
        saving=Saving(min(once // 2, high), high, "C"),
        fix=FIX_POLLING,
        where=where,
        change=_without(evidence, rows, high / max(slept, 1)),
    )


def _fixed(evidence: Evidence, sleeps: list[Sleep]) -> Finding:
    rows, slept = _slept(evidence, sleeps)
    where = evidence.top(rows)
    return Finding(
        title="Take the fixed sleep out of the request",
        why=(
            f"Each request sleeps {slept / 1e6:.2f} ms ({100 * evidence.share(slept):.0f} % of its"
            f" wall) in {len(rows) / evidence.requests:.1f} fixed sleeps, most of it in"
            f" {where[0].name!r}, whether there is something to wait for or not."
        ),
        stage="python",
        saving=Saving(0, slept, "C"),
        fix=FIX_FIXED,
        where=where,
        change=_without(evidence, rows),
    )


def _sampled(evidence: Evidence, rest: Mask) -> Iterator[Finding]:
    """Sleeps known from samples alone, which cannot tell one long sleep from many short ones."""
    require_samples(evidence)
    slept = visible_ns(evidence, rest, "a sleep")
    if evidence.share(slept) < GATE_SHARE:
        return
    where = places(evidence, rest)
    name = where[0].name if where else "library code"
    yield Finding(
        title="Take the sleep out of the request",
        why=(
            f"Each request sleeps about {slept / 1e6:.2f} ms ({100 * evidence.share(slept):.0f} %"
            f" of its wall; at least {at_least_ns(slept, int(rest.sum())) / 1e6:.2f} ms), most of"
            f" it in {name!r}. Samples cannot tell one long sleep from a loop of short ones."
        ),
        stage="python",
        saving=Saving(0, slept, "C"),
        fix=FIX_FIXED if re.search(r"(?i)batch", name) else FIX_POLLING,
        where=where,
    )


def _slept(evidence: Evidence, sleeps: list[Sleep]) -> tuple[Rows, int]:
    """The rows of some sleeps, and how much of their time nothing hid, per request."""
    rows = np.sort(np.concatenate([one.rows for one in sleeps]))
    return rows, exposed_sleep_ns(evidence, rows)


def _without(evidence: Evidence, rows: Rows, part: float = 1.0) -> Change | None:
    return without_rows(evidence, rows, *waited_for_as(evidence, rows), part=part)


def _worked_share(evidence: Evidence, sleeping: Mask) -> float:
    """In which share of the sleeps another thread ran: it may have made what was waited for."""
    waits, _ = running_meanwhile(evidence, sleeping)
    return len(np.unique(waits)) / max(int(sleeping.sum()), 1)
