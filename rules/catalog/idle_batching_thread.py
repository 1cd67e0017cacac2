"""The thread that runs the model waits for more requests, while those that it has wait for it.

What it looks for:
Samples in which a request waits on a lock, a thread that calls the model sits in `queue.get`, and
nobody else does anything: three tenths of the request's time or more. Batchers that gather on an
event loop leave no such samples, and fixed sleeps are `polling-waits`.

Why it costs time:
A batcher that waits up to d for its batch to fill makes each request pay up to d for others that
may never come. The model could run meanwhile: what comes then gathers in the queue by itself, and
makes the next batch.

How to fix it:
Wait for the first request only. Then take what is in the queue, without a timeout, and start.

When to ignore it:
Under the load of production batches fill before the time is over, and this recording had less load.
Compare latency and throughput there before you drop the wait.

Catalogue: IP-BAT-003
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Where
from infprof.rules.host_code import require_samples
from infprof.rules.idle_owners import idle_moments, owner_place
from infprof.rules.next_batch import NEXT_BATCH, SMALLER
from infprof.rules.sampled_time import at_least_ns, visible_ns

NEEDS: tuple[Need, ...] = ("requests", "stacks")
USES_TRACER = False

WAIT_SHARE = 0.3
"""Of a request's time (CATALOGUE BAT-003): a shorter wait may be what makes the batches."""

FIX = Fix(
    text="Wait for the first request only, and start with what is there.",
    code=NEXT_BATCH,
    risk=SMALLER,
    references=(
        "https://docs.python.org/3/library/queue.html",
        "https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/batcher.html#delayed-batching",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find requests that wait for a thread that waits for more of them."""
    require_samples(evidence)
    moments = idle_moments(evidence)
    count = int(moments.waiting.sum())
    waited = visible_ns(evidence, moments.waiting, "a wait for a batch")
    if evidence.share(waited) < WAIT_SHARE:
        return
    place = owner_place(evidence, moments.of_owner) or "library code"
    yield Finding(
        title="Start the batch with the requests that are there",
        why=f"For {waited / 1e6:.2f} ms of a request ({100 * evidence.share(waited):.0f} % of its "
        f"wall; at least {at_least_ns(waited, count) / 1e6:.2f} ms) it waits for the thread that "
        f"runs the model, and that one waits for more requests in {place!r}, though nothing else "
        "is under way.",
        stage="python",
        saving=Saving(0, waited, "C"),
        fix=FIX,
        where=(Where(place, None, waited, "waits for more requests"),),
    )
