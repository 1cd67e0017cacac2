"""A batcher makes batches so large that each request in them waits long for little throughput.

What it looks for:
Models that a thread of its own calls for the requests of others, where the times of three and more
sizes of batches show what one costs: T(B) = a + b B. Batches beyond three times a / b, of requests
that miss the latency target (`latency_target_ms` in the settings), at a rate that smaller batches
would bear.

Why it costs time:
Throughput is B / T(B). At B = a / b half of what can be reached is reached, at three times that
three quarters, and from there on each more item still makes all of them wait b longer.

How to fix it:
Cap the batch, and start the next one with what is left.

When to ignore it:
An offline job, where only the sum counts. Or more requests come than in this recording, so that the
throughput of large batches is needed.

Catalogue: IP-BAT-003
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.profiler.batch_cost import BatchCost
from infprof.rules.deployed import deployment, needed
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.merged_batches import merged_batches
from infprof.rules.model_call_sites import model_call_sites

NEEDS: tuple[Need, ...] = ("requests", "ops", "shapes", "latency")

KNEES = 3
"""Times a / b: there 75 % of the highest throughput is reached (CATALOGUE BAT-003)."""

BUSY_SHARE = 0.7
"""Of the time, with smaller batches at the rate of the recording: beyond, requests wait longer for
each other than they are worked on (M/D/1), and would gain nothing."""

CODE = """\
import queue

MOST = {most}  # three times a / b of T(B) = a + b B

def next_batch(waiting: queue.Queue) -> list:
    batch = [waiting.get()]
    while len(batch) < MOST and not waiting.empty():
        batch.append(waiting.get_nowait())
    return batch
"""


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge batches by what they cost and what they bring."""
    found, latency = merged_batches(evidence), evidence.latency
    if found is None or found.cost is None or found.cost.item_ns <= 0:
        return
    most = max(int(KNEES * found.cost.fixed_ns / found.cost.item_ns), 1)
    rate = latency.throughput_per_s or 0.0
    if found.size <= most or _busy_share(found.cost, most, rate) > BUSY_SHARE:
        return
    target = needed(deployment(evidence).latency_target_ms, "latency_target_ms",
                    "how long a request may take")  # fmt: skip
    if latency.p95_ns is None or latency.p95_ns <= target * 1e6:
        return
    longer = round(found.cost.item_ns * (found.size - most))
    yield Finding(
        title=f"Cap batches at {most}",
        why=f"An item is in a batch of {found.size:.0f} on average. A batch takes "
        f"{found.cost.fixed_ns / 1e6:.3g} ms and {found.cost.item_ns / 1e6:.3g} ms for each item: "
        f"beyond {most} there is little throughput to gain, and its requests wait "
        f"{longer / 1e6:.3g} ms longer. One in 20 takes {latency.p95_ns / 1e6:.4g} ms or more, of "
        f"{target:,.4g} ms that it may.",
        stage="compute",
        saving=Saving(0, min(longer, evidence.wall_ns), "C"),
        fix=Fix(
            text="Cap the batch, and start the next one with what is left.",
            code=CODE.format(most=most),
            risk="The model runs more often: at a higher rate than this one it may be too slow."
            " Measure both at the rate of the busiest hour.",
            references=(
                "https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/batcher.html",
            ),
        ),
        where=model_call_sites(evidence, most=1),
    )


def _busy_share(cost: BatchCost, size: int, rate: float) -> float:
    """How much of the time the model would run at a rate, in batches of a size."""
    return rate / size * (cost.fixed_ns + cost.item_ns * size) / 1e9
