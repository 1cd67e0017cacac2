"""A batcher holds requests back to fill its batches, while the model that they wait for runs idle.

What it looks for:
A model server that runs its model for less than half of the time, and whose requests nevertheless
spend three tenths of their time or more before a run: longer than one run takes (Triton, by the
time in its queue), or as long as Ray Serve says that batches fill. It takes two pages.

Why it costs time:
A batcher that starts as soon as the model is free lets a request wait for one run at most, and
fills its batches by itself when many come: they gather while the run before them goes on. A delay
on top only helps a model that has more to do than it can, and here it has time to spare. With few
requests each of them waits for company that does not come.

How to fix it:
Start a batch as soon as the model is free: a delay of 0. Raise it only under a load at which the
model is always busy, and no further than the latency target allows.

When to ignore it:
Bursts larger than a batch come now and then: their requests wait for several runs, with long pauses
after them. Or the model takes turns with others on one GPU.

Catalogue: IP-BAT-003
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.rules.batching_windows import window
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving

NEEDS: tuple[Need, ...] = ("served",)

FIX = Fix(
    text="Let the batcher start as soon as the model is free.",
    code="""\
# Triton, config.pbtxt: no delay (the default)
dynamic_batching { max_queue_delay_microseconds: 0 }

# Ray Serve
@serve.batch(max_batch_size=8, batch_wait_timeout_s=0.0)
async def predict(self, inputs: list[np.ndarray]) -> list[np.ndarray]: ...
""",
    risk="Batches get smaller, so that the model runs more often: at a load that keeps it busy, "
    "fewer requests a second may be served. Compare both at the load of production.",
    references=(
        "https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/batcher.html#delayed-batching",
        "https://docs.ray.io/en/latest/serve/advanced-guides/dyn-req-batch.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the waits before runs of a model that is seldom busy."""
    found = window(evidence)
    if found is None:
        return
    is_told = "queue" in evidence.breakdown.stages
    yield Finding(
        title="Start batches as soon as the model is free",
        why=f"A request waits {found.most_ns / 1e6:,.2f} ms of its {evidence.wall_ns / 1e6:,.2f} "
        f"ms before a run, which takes {found.run_ns / 1e6:,.2f} ms, while the model runs nothing "
        f"for {100 * found.idle_share:.0f} % of the time.",
        stage="queue" if is_told else "unattributed",
        saving=Saving(found.least_ns, found.most_ns, "C"),
        fix=FIX,
    )
