"""A coroutine waits in a blocking call, and the whole event loop waits with it.

What it looks for:
Samples of a thread that runs an event loop, in which the program's own code sleeps or waits for a
file, a socket or a pipe: in a coroutine such a wait belongs behind an `await`. Counted where others
are kept waiting: in a web server, or where several tasks share the loop.

Why it costs time:
An event loop serves many requests on one thread: each runs until it awaits. During a blocking call
of 30 ms no other request is read, computed or answered, so the server answers 33 a second at most,
with idle CPUs and an idle GPU.

How to fix it:
Use the library's asynchronous form (`asyncio.sleep`, `httpx.AsyncClient`, `redis.asyncio`), or hand
the call to a thread: `await asyncio.to_thread(call)`. Or declare the route with `def` instead of
`async def`: FastAPI and Starlette then run it in a pool of threads.

When to ignore it:
A wait of well under a millisecond, such as a local socket; a process that serves one request at a
time by design.

Catalogue: IP-PY-002
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.profiler.stacks import State
from infprof.rules.call_masks import main_stage
from infprof.rules.event_loops import in_coroutine, keeps_others_waiting
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.host_code import places, require_samples
from infprof.rules.sampled_time import at_least_ns, visible_ns

NEEDS: tuple[Need, ...] = ("work", "stacks")
USES_TRACER = False

WORTH_SHARE = 0.10
"""A loop that is blocked for less than a tenth of its work delays hardly anybody."""

FIX = Fix(
    text="Await the call, or hand it to a thread.",
    code="""\
import asyncio

async def handle(request):
    row = await asyncio.to_thread(read_from_store, request.id)  # was: read_from_store(request.id)
    await asyncio.sleep(0.01)                                   # was: time.sleep(0.01)
    return row
""",
    risk="Code between two awaits ran alone until now: state that two requests share needs a lock.",
    references=("https://docs.python.org/3/library/asyncio-dev.html#running-blocking-code",),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find waits in which a loop's thread is blocked."""
    require_samples(evidence)
    if not keeps_others_waiting(evidence):
        return
    samples = evidence.timeline.samples
    blocked = np.isin(samples.stacks.state, (State.SLEEP, State.IO))
    mask = in_coroutine(evidence) & blocked & samples.of_requests
    time_ns = visible_ns(evidence, mask, "a blocked event loop")
    if evidence.share(time_ns) < WORTH_SHARE:
        return
    where = places(evidence, mask)
    name = where[0].name if where else "library code"
    yield Finding(
        title="Await what blocks the event loop",
        why=(
            f"The event loop's thread is blocked for about {time_ns / 1e6:.0f} ms"
            f" ({100 * evidence.share(time_ns):.0f} % of its wall; at least"
            f" {at_least_ns(time_ns, int(mask.sum())) / 1e6:.0f} ms), most of it in {name!r}, and"
            " serves nobody meanwhile."
        ),
        stage=main_stage(evidence, mask, "python"),
        saving=Saving(0, time_ns, "C"),
        fix=FIX,
        where=where,
    )
