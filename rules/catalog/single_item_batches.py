"""One request runs the model again and again on a single item instead of once on a batch.

What it looks for:
Inside one request the same sequence of layers, with the same shapes and a leading dimension of 1,
four times or more in a row. Loops that feed their own output back are left out: a stack of equal
layers, token-by-token generation, a recurrent cell, diffusion steps. So are passes of which each
one saturates the processor, for a batch could not run them faster.

Why it costs time:
Each pass pays for dispatch, launches and for reading the weights, whatever the batch: T(B) = a + b
B. Items one by one cost N (a + b), one batch costs a + N b. A single item seldom fills a GPU, and
small matrix-vector products leave CPU cores waiting for memory. Where the recording has batches of
three sizes or more, a and b follow from their times; else the saving is a ceiling.

How to fix it:
Stack the items and call the model once: ``torch.stack``, padding or buckets where lengths differ,
``batch_size=`` in a transformers pipeline.

When to ignore it:
Memory does not hold the batch, the first answer must leave before the last item is in, or the
passes are different models of one architecture on one input (an ensemble: see ``torch.func``).
Batched results differ from single ones in the last bits.

Catalogue: IP-BAT-001
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from infprof.profiler.batch_cost import batched
from infprof.profiler.events import Kind
from infprof.profiler.intervals import Intervals, intersect, intervals, length
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Request, Rows
from infprof.rules.batch_times import cost_by_batch
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Step
from infprof.rules.layer_ops import LayerOp, layer_ops, layer_rows
from infprof.rules.model_callers import compute_where
from infprof.rules.repetition import repetitions

NEEDS: tuple[Need, ...] = ("requests", "ops", "shapes")
STEP: Step = "batching"

MIN_PASSES = 4
"""Two or three equal passes are often two inputs by design (a pair to compare, test-time flips)."""

SATURATED_FLOPS_PER_NS_PER_CORE = 20
"""A core at 2.5 GHz with AVX2 peaks at 80 FLOP/ns (two fused multiply-adds of eight floats). A
single item that gets a quarter of it is busy with arithmetic, which a batch does not reduce."""

FILLING_KERNEL_NS = 20_000
"""Kernels of a single item that run this long on average are not bound by launching, and fill
enough of the device that nothing can be promised for a batch: then only host time counts."""

FEEDBACK_PARTS = (1, 2, 3, 4)
"""A loop feeds back its whole output or an equal part of it: two for a learned variance, three and
four for the gates of recurrent cells."""

INTERPOLATED = 4
"""A time read off a line is good to one part in four (CATALOGUE section 4, B)."""

RECURRENT = ("aten::lstm_cell", "aten::gru_cell", "aten::rnn_tanh_cell", "aten::rnn_relu_cell")

FIX = Fix(
    text="Stack the items of the request and call the model once.",
    code="""\
batch = torch.stack(items)  # or pad to one length, or group by length
with torch.inference_mode():
    outputs = model(batch)
for item, output in zip(items, outputs):
    ...
""",
    risk="More memory at once: split very large requests. Last bits of the results change.",
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.stack.html",
        "https://docs.pytorch.org/docs/stable/notes/numerical_accuracy.html",
    ),
)


@dataclass(frozen=True, slots=True)
class Passes:
    """Equal passes within one request."""

    rows: Rows
    """Layer ops of all passes."""
    count: int
    ops: list[LayerOp]
    """Layers of one pass."""
    host: Intervals
    """From the first layer to the end of the last one."""
    until_done: Intervals
    """The same, and the time after it in which the device finishes."""
    kernels: Rows
    """What the passes launched."""


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find requests that run the model on one item at a time."""
    if len(evidence.named(Kind.OP, *RECURRENT)):
        return
    rows = layer_rows(evidence)
    found = [
        one
        for request in evidence.breakdown.requests
        if (one := passes_of(evidence, rows, request.request)) and not saturated(evidence, one)
    ]
    if not found:
        return
    host, both = (
        [_exposed_ns(evidence, one, only_host=only_host) for one in found]
        for only_host in (True, False)
    )
    count = sum(one.count for one in found) / len(found)
    exposed = evidence.per_request(sum(both))
    ceiling = Saving(_all_but_one(evidence, found, host), _all_but_one(evidence, found, both), "C")
    saving, change = _measured(evidence, rows, found) or (ceiling, None)
    yield Finding(
        title=f"Run the {count:.0f} items of a request as one batch",
        why=(
            f"{len(found)} of {evidence.requests} requests run the model's {len(found[0].ops)}"
            f" layers {count:.0f} times in a row, each time on one item. These passes take"
            f" {exposed / 1e6:.2f} ms of each request ({100 * evidence.share(exposed):.0f} % of"
            " its wall)."
        ),
        stage="compute",
        saving=saving,
        fix=FIX,
        where=compute_where(evidence, np.concatenate([one.rows for one in found])),
        change=change,
    )


def passes_of(evidence: Evidence, rows: Rows, request: Request) -> Passes | None:
    """The repeated single-item passes of a request, on the thread with most layers."""
    events = evidence.timeline.events
    starts = events.start_ns[rows]
    mine = rows[(starts >= request.start_ns) & (starts < request.end_ns)]
    if not len(mine):
        return None
    lanes, counts = np.unique(events.lane[mine], return_counts=True)
    mine = mine[events.lane[mine] == lanes[np.argmax(counts)]]
    ops = layer_ops(evidence, mine)
    tokens = events.name[mine].astype(np.int64) << 32 | events.shapes[mine].astype(np.int64)
    for start, period, times in repetitions(tokens, MIN_PASSES):
        block = [op for op in ops[start : start + period] if op is not None]
        if len(block) == period and one_item(block) and not feeds_itself(block):
            chosen = mine[start : start + period * times]
            return Passes(chosen, times, block, *_spans(evidence, chosen))
    return None


def _spans(evidence: Evidence, rows: Rows) -> tuple[Intervals, Intervals, Rows]:
    """When the host was in the passes, when the device too, and the kernels launched meanwhile."""
    timeline, events = evidence.timeline, evidence.timeline.events
    low, high = int(events.start_ns[rows[0]]), int(events.end_ns[rows].max())
    kernels = timeline.by_kind[Kind.KERNEL]
    launch = timeline.launch_of[kernels]
    issued = events.start_ns[launch]
    kernels = kernels[(launch >= 0) & (issued >= low) & (issued < high)]
    end = max(high, int(events.end_ns[kernels].max())) if len(kernels) else high
    return intervals([low], [high]), intervals([low], [end]), kernels


def one_item(block: list[LayerOp]) -> bool:
    """Whether a pass begins with a single item."""
    return block[0].batch == 1


def feeds_itself(block: list[LayerOp]) -> bool:
    """Whether the passes may be one chain: what the last layer gives could enter the next pass."""
    lookups = [op for op in block if op.is_embedding]
    if lookups:  # ids come from outside, unless each pass looks up the one token made before it
        return any(op.in_size == 1 for op in lookups)
    last = block[-1]
    parts = {last.out_size // n for n in FEEDBACK_PARTS if last.out_size % n == 0}
    return any(
        op.in_size in parts
        or (op.is_convolution == last.is_convolution and op.in_width == last.out_width)
        for op in block
    )


def saturated(evidence: Evidence, passes: Passes) -> bool:
    """Whether a CPU already works near its arithmetic peak on single items."""
    if evidence.device_use != "unused":
        return False
    cores = evidence.header.machine.cpu.usable or 1
    work = passes.count * sum(op.flops for op in passes.ops)
    time_ns = int(evidence.timeline.durations(passes.rows).sum())
    return work >= SATURATED_FLOPS_PER_NS_PER_CORE * cores * time_ns


def _exposed_ns(evidence: Evidence, passes: Passes, *, only_host: bool) -> int:
    """Exposed host time of the passes, and the exposed compute that a batch could shrink."""
    host_ns = length(intersect(passes.host, evidence.breakdown.exposed_intervals("python")))
    if only_host or _fills_device(evidence, passes):
        return host_ns
    compute = evidence.breakdown.exposed_intervals("compute")
    return host_ns + length(intersect(passes.until_done, compute))


def _measured(
    evidence: Evidence, rows: Rows, found: list[Passes]
) -> tuple[Saving, Change | None] | None:
    """What one batch saves by the times that batches of other sizes took; ``None`` where the
    recording has too few."""
    same = all(one.ops == found[0].ops for one in found)
    cost = cost_by_batch(evidence, rows, found[0].ops) if same else None
    single = None if cost is None else cost.measured.get(1)  # else the passes run into each other
    if cost is None or single is None:
        return None
    known = [time for one in found if (time := cost.time_ns(one.count)) is not None]
    if len(known) < len(found):
        return None
    saved = sum(one.count * single - time for one, time in zip(found, known, strict=True))
    high = max(evidence.per_request(saved), 0)
    longer = max(sum(known) // len(known) - single, 0)
    return Saving(high - high // INTERPOLATED, high, "B"), _as_one(evidence, found, longer)


def _as_one(evidence: Evidence, found: list[Passes], longer_ns: int) -> Change | None:
    """The last pass alone, and so much longer."""
    paths, starts = evidence.breakdown.paths, evidence.timeline.events.start_ns
    if evidence.replays is None or paths is None:
        return None
    first, last = ([int(starts[one.rows[at * len(one.ops)]]) for one in found] for at in (0, -1))
    ends = [int(one.host.end[0]) for one in found]
    return batched(paths.waits, intervals(first, last), intervals(last, ends), longer_ns)


def _all_but_one(evidence: Evidence, found: list[Passes], times_ns: list[int]) -> int:
    """What is left out when all passes of a request become one, per request."""
    saved = (time * (one.count - 1) // one.count for one, time in zip(found, times_ns, strict=True))
    return evidence.per_request(sum(saved))


def _fills_device(evidence: Evidence, passes: Passes) -> bool:
    time_ns = int(evidence.timeline.durations(passes.kernels).sum())
    return len(passes.kernels) > 0 and time_ns >= FILLING_KERNEL_NS * len(passes.kernels)
