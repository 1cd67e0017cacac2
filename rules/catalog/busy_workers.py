"""Requests wait for somebody who works on them: before the server, or for a thread of its pool.

What it looks for:
Requests of a web server that wait three tenths of their time or more until a worker of the server
takes them (by the time at which a proxy says that they came), or until a thread of a pool is free.
Waits for an event loop are `blocked-event-loop`; queues of engines are `server-queue`.

Why it costs time:
With one worker that is busy seven tenths of the time a request waits 1.2 times as long as it is
worked on, at nine tenths 4.5 times. More threads than cores or GPUs to work on only move the queue:
then requests wait for each other inside.

How to fix it:
Make the work itself shorter first: what else this report finds counts twice here. Where the threads
mostly wait, for disks or other services, give the pool more of them. Where they compute, let one
owner of the model batch what waits, or add replicas. Bound the queue, and refuse beyond.

When to ignore it:
The load was a test that sends without a pause, which fills any queue.

Catalogue: IP-SRV-001
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving

NEEDS: tuple[Need, ...] = ("requests",)
USES_TRACER = False

QUEUE_SHARE = 0.3
"""Of a request's time; at half the load that a server can bear it is less."""

PLACES = {
    "queue.before the server": "before a worker of the server took it",
    "queue.thread pool": "for a thread of a pool",
}

FIX = Fix(
    text="Shorten the work; then more threads where they wait, batches or replicas where they "
    "compute.",
    code="""\
import contextlib
import queue

import anyio.to_thread

# threads that mostly wait: more of them (FastAPI and Starlette; 40 is what they begin with)
@contextlib.asynccontextmanager
async def lifespan(app):
    anyio.to_thread.current_default_thread_limiter().total_tokens = 80
    yield

# threads that compute: one owner of the model, which takes all that waits
def next_batch(waiting: queue.Queue, most: int) -> list:
    batch = [waiting.get()]
    while len(batch) < most and not waiting.empty():
        batch.append(waiting.get_nowait())
    return batch

waiting = queue.Queue(maxsize=64)  # put_nowait raises queue.Full: answer 503 at once
""",
    risk="More threads share the same cores, the GIL and the GPU. Refused requests need a client "
    "that tries again later.",
    references=(
        "https://anyio.readthedocs.io/en/stable/threads.html#adjusting-the-default-maximum-worker-thread-count",
        "https://docs.gunicorn.org/en/stable/design.html#how-many-workers",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge how long requests wait for a worker."""
    waits = {leaf: evidence.exposed_ns(leaf) for leaf in PLACES}
    waited = sum(waits.values())
    if evidence.share(waited) < QUEUE_SHARE:
        return
    parts = [f"{time / 1e6:.2f} ms {PLACES[leaf]}" for leaf, time in waits.items() if time]
    yield Finding(
        title="Get waiting requests a worker sooner",
        why=f"A request waits {' and '.join(parts)}: {100 * evidence.share(waited):.0f} % of its "
        "time nobody works on it.",
        stage="queue",
        saving=Saving(0, waited, "C"),
        fix=FIX,
    )
