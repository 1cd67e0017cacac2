"""The model runs on the thread of the event loop, and every other request stands still meanwhile.

What it looks for:
A thread with asyncio's or uvloop's frames below the program's own, on which a model runs for 10 ms
and more at a time, while further requests are under way on the same thread.

Why it costs time:
An event loop serves many requests on one thread: each runs until it awaits. A model call awaits
nothing. Sixteen requests at once with a call of 65 ms each: the last one waits for a second, and
so do health checks and cheap routes. The model's own throughput is not the loss: calls on one CPU
or GPU take turns anyway.

How to fix it:
Run the model in a worker of its own, fed by a queue, which can also batch; the least is
``await asyncio.to_thread(...)`` with a limit of one or a few at a time.

When to ignore it:
One request at a time, or a process that serves nothing but this model and needs no health checks:
then there is nobody to keep waiting.

Catalogue: IP-PY-002
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.profiler.intervals import EMPTY
from infprof.rules.event_loops import (
    MANY_TASKS,
    NOBODY,
    Overlap,
    holds,
    lanes_of,
    on_loop,
    overlap,
    running_model,
)
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown, Where
from infprof.rules.host_code import Mask, places, require_samples, sampled_ns
from infprof.rules.model_call_sites import model_call_sites

NEEDS: tuple[Need, ...] = ("requests", "stacks")
USES_TRACER = False

MODEL_SHARE = 0.20
"""A model that keeps its thread busy for less is rarely in another request's way: even if those
came at random, four of five would find the loop free."""

FIX = Fix(
    text="Run the model on a thread of its own, so that the loop stays free.",
    code="""\
import asyncio
from concurrent.futures import ThreadPoolExecutor

worker = ThreadPoolExecutor(max_workers=1)  # the model's own thread; torch releases the GIL

async def handle(request):
    inputs = prepare(request)
    return await asyncio.get_running_loop().run_in_executor(worker, predict, inputs)
""",
    risk=(
        "Throughput stays the same: calls still take turns. Bound the queue, and keep state that"
        " two threads share out of the model."
    ),
    references=(
        "https://docs.python.org/3/library/asyncio-dev.html#running-blocking-code",
        "https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.run_in_executor",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find requests that wait while the loop's thread runs a model for another one."""
    require_samples(evidence)
    caught = on_loop(evidence) & running_model(evidence)
    lost = [(lane, _overlap(evidence, lane)) for lane in lanes_of(evidence, caught).tolist()]
    concurrent = [(lane, one) for lane, one in lost if one.concurrent]
    if not concurrent:
        yield from _among_tasks(evidence, caught)
        return
    for lane, one in concurrent:
        waited = one.waited_ns // one.requests
        if waited:
            mine = caught & (evidence.timeline.samples.lane == lane)
            yield Finding(
                title="Take the model off the event loop",
                why=_why(evidence, one, mine),
                stage="queue",
                saving=Saving(0, min(waited, evidence.wall_ns), "C"),
                fix=FIX,
                where=_where(evidence, mine),
            )


def _overlap(evidence: Evidence, lane: int) -> Overlap:
    held = holds(evidence, lane)
    if held is not None:
        return overlap(evidence, lane, held)
    if overlap(evidence, lane, EMPTY).concurrent:
        raise Unknown(
            "a model runs on the event loop's thread, but its calls were not recorded one by one"
        )
    return NOBODY


def _among_tasks(evidence: Evidence, caught: Mask) -> Iterator[Finding]:
    """Requests that were cut from the turns of a loop, one after the other, cannot overlap: that
    others waited shows in the number of tasks. Requests that the program marks and never overlap
    had no others."""
    if evidence.header.settings.get("requests") != "model loop":
        return
    share, tasks = _share(evidence, caught), evidence.header.settings.get("loop_tasks")
    if share < MODEL_SHARE:
        return
    if isinstance(tasks, float) and tasks >= MANY_TASKS:
        model_ns = sampled_ns(evidence, caught)
        yield Finding(
            title="Take the model off the event loop",
            why=(
                f"{tasks:.0f} tasks share an event loop whose thread spends"
                f" {100 * share:.0f} % of its time in the model: while it computes, none of the"
                " others can go on. The model's throughput stays the same off the loop; what gets"
                " shorter is the wait of cheap requests and health checks."
            ),
            stage="queue",
            saving=Saving(0, model_ns, "C"),
            fix=FIX,
            where=_where(evidence, caught),
        )
    elif tasks is None:
        raise Unknown(
            f"the model runs on the event loop's thread ({100 * share:.0f} % of the samples), but"
            " whether other requests wait there cannot be seen: mark each with infprof.request()"
        )


def _share(evidence: Evidence, mask: Mask) -> float:
    """Of the samples of requests."""
    of_requests = evidence.timeline.samples.of_requests
    return int((mask & of_requests).sum()) / max(int(of_requests.sum()), 1)


def _why(evidence: Evidence, one: Overlap, mine: Mask) -> str:
    waited = one.waited_ns / one.requests
    return (
        f"{one.concurrent} of {one.requests} requests were under way while another one was, and the"
        f" model ran on the thread of their event loop ({100 * _share(evidence, mine):.0f} % of the"
        f" samples): a request spends {waited / 1e6:.1f} ms in the model calls of others; one"
        f" call holds the loop for up to {one.longest_ns / 1e6:.0f} ms. The model's throughput"
        " stays the same off the loop: what gets shorter is the wait of cheap requests and health"
        " checks."
    )


def _where(evidence: Evidence, mine: Mask) -> tuple[Where, ...]:
    sites = model_call_sites(evidence)
    known = {one.name for one in sites}
    return sites + tuple(one for one in places(evidence, mine) if one.name not in known)
