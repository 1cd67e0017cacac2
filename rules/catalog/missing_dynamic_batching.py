"""A model server runs the model for one request at a time while others wait for it.

What it looks for:
A server whose metrics tell that one run of the model makes 1.5 inferences or fewer on average,
while three requests or more are there at once. How many are there follows from how many come a
second and how long each stays (Little's law), which takes two pages.

Why it costs time:
A run of one uses a small part of a GPU: its launches, and reading the weights, cost the same for
eight. Requests that could have gone along wait for their own run.

How to fix it:
Let the server put requests together that wait anyway: dynamic batching of Triton, a batchable API
of BentoML, `serve.batch` of Ray Serve. Without an extra delay it costs a lonely request nothing.

When to ignore it:
A model with a state for each sequence, or one whose time grows with the batch from the start:
measure both at batches of 1, 2, 4 and 8. Or several instances that each take one request.

Catalogue: IP-BAT-002
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.profiler.serving.ratios import at_once, executed_batch
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Step
from infprof.rules.queue_causes import queue_ns, told, unbatched_ns

NEEDS: tuple[Need, ...] = ("served",)
STEP: Step = "batching"

FIX = Fix(
    text="Switch the server's dynamic batching on.",
    code="""\
# Triton, config.pbtxt: batches of what waits, without an extra delay
max_batch_size: 8
dynamic_batching { }

# BentoML
@bentoml.api(batchable=True, max_batch_size=8, max_latency_ms=200)
def predict(self, inputs: np.ndarray) -> np.ndarray: ...

# Ray Serve
@serve.batch(max_batch_size=8, batch_wait_timeout_s=0.0)
async def predict(self, inputs: list[np.ndarray]) -> list[np.ndarray]: ...
""",
    risk="Results may differ in the last digits from those of a batch of one. BentoML refuses what "
    "would take longer than max_latency_ms.",
    references=(
        "https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/batcher.html",
        "https://docs.bentoml.com/en/latest/get-started/adaptive-batching.html",
        "https://docs.ray.io/en/latest/serve/advanced-guides/dyn-req-batch.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge how many inferences one run of the model makes."""
    served = told(evidence)
    batch = executed_batch(served)
    if "queue" in evidence.breakdown.stages and evidence.share(queue_ns(evidence)) < GATE_SHARE:
        return
    saved, there = unbatched_ns(evidence), at_once(served)
    if not saved or batch is None or there is None:
        return
    yield Finding(
        title="Let the server run requests together",
        why=f"One run of the model makes {batch:.1f} inferences on average, while {there:.1f} "
        f"requests are there at once. A request waits {saved / 1e6:.2f} ms of its "
        f"{evidence.wall_ns / 1e6:.2f} ms.",
        stage="queue",
        saving=Saving(0, saved, "C"),
        fix=FIX,
    )
