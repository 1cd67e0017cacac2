"""The model's many small operations cost more to issue than to compute.

What it looks for:
Short idle gaps of the GPU, each under a millisecond, in which the host was busy dispatching and
launching the next kernel, adding up to more than three tenths of the time that the device and its
launcher take together. On a CPU-only host: many operators so short that most of their time is the
framework's.

Why it costs time:
Eager PyTorch needs about 5 to 15 us on the host for each operator, and the driver about 3 us for
each launch. A kernel that takes 4 us is finished long before the next one arrives, so the GPU
idles, and neither a faster GPU nor a lower precision helps. The same work replayed from a CUDA
graph needs one launch in all, with gaps of about 1 us between kernels.

How to fix it:
Compile the model with `mode="reduce-overhead"`, which fuses small kernels and replays the rest from
CUDA graphs; capture them during warm-up, one per input shape. Where compilation fails, capture by
hand with `torch.cuda.graph`, or raise the batch size: the host's cost is per kernel, not per item.
Remove synchronisations inside the forward first (see hot-path-syncs): they break the capture.

When to ignore it:
The traced wall is much longer than the untraced one, so that the tracer made the gaps. Shapes
change with every request and cannot be bucketed. Gaps between requests come from the feeder: look
at the preprocessing instead.

Catalogue: IP-LCH-001
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.intervals import Intervals
from infprof.profiler.replay import Change
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Step
from infprof.rules.hot_syncs import hot_syncs
from infprof.rules.launch_gaps import LaunchGaps, launch_gaps, tracer_cost_ns
from infprof.rules.model_callers import compute_where
from infprof.rules.processor import ran_on_gpu

NEEDS: tuple[Need, ...] = ("ops",)
STEP: Step = "model"

NOT_WHILE = {
    "gil-contention": "the thread that launches waits for the interpreter, so that its gaps are no "
    "cost of launching",
    "recompiles": "torch.compile is at work in the requests, and keeps no graph for the next one",
    "starved-cpu": "the thread that launches waits for a core, so that its gaps are no cost of "
    "launching",
}

MIN_KERNELS = 10
"""A graph of fewer kernels saves less than the launch of the graph itself costs."""

GRAPHED_SHARE = 0.5
"""When most kernels already come from graphs, the advice has been taken."""

SYNCS_PER_KERNEL = 0.1
"""With a synchronisation every ten kernels the queue is drained, not starved, and nothing can be
captured: that is hot-path-syncs' finding."""

GRAPH_LAUNCH_NS = 10_000
"""One launch of a captured graph, which stays."""

GRAPH_GAP_NS = 1_000
"""Gap between two kernels of a graph, which stays."""

TRACED_OP_NS = 2_500
"""What the tracer adds to an operator at most (0.7 to 2.5 us measured): taken off the low estimate
where no untraced request says how much it really was."""

TINY_OP_NS = 20_000
"""On a CPU, an operator shorter than this spends most of its time in dispatch (5 to 15 us)."""

MIN_TINY_OPS = 100
"""Fewer tiny operators than this per request cost about a millisecond at most."""

MIN_TINY_SHARE = 0.2
"""Tiny operators and the Python between them must be this much of the wall before the way the
model is written, rather than what it computes, is to blame."""


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the forward's launches, or its tiny operators where there is no GPU."""
    yield from _on_gpu(evidence) if ran_on_gpu(evidence) else _on_cpu(evidence)


def _on_gpu(evidence: Evidence) -> Iterator[Finding]:
    seen = launch_gaps(evidence)
    if seen.kernels < MIN_KERNELS or seen.graph_share >= GRAPHED_SHARE or not seen.launch_bound:
        return
    syncs = evidence.per_request(hot_syncs(evidence).count)
    if syncs > SYNCS_PER_KERNEL * seen.kernels:
        return
    high = max(seen.gap_ns - GRAPH_LAUNCH_NS - seen.kernels * GRAPH_GAP_NS, 0)
    median_us = float(np.median(evidence.timeline.durations(evidence.rows(Kind.KERNEL)))) / 1e3
    yield Finding(
        title="Stop launching kernels one by one: compile the model and replay CUDA graphs",
        why=f"Per request {seen.kernels} kernels (median {median_us:.1f} us) keep the GPU busy for "
        f"{seen.device_ns / 1e6:.2f} ms, while it waits {seen.gap_ns / 1e6:.2f} ms "
        f"({100 * evidence.share(seen.gap_ns):.0f} % of the wall) for the host to issue the next."
        + (f" {syncs} synchronisations inside must go first." if syncs else ""),
        stage="python",
        saving=Saving(_low_ns(evidence, seen, high), high, "B"),
        fix=GPU_FIX,
        where=compute_where(evidence),
        change=_captured(evidence),
    )


def _captured(evidence: Evidence) -> Change | None:
    """Each run of the model is one launch, and the host's work in it falls away; ``None`` where
    it is not known when the model ran."""
    runs = evidence.timeline.busy(evidence.inside(evidence.timeline.model_ranges))
    if not len(runs.start):
        return None
    launched = np.minimum(runs.start + GRAPH_LAUNCH_NS, runs.end)
    return Change(host_removed=Intervals(launched, runs.end))


def _low_ns(evidence: Evidence, seen: LaunchGaps, high: int) -> int:
    """Less what the tracer may have added, where no untraced request tells."""
    if seen.tracer_ns is not None:
        return high
    ops = evidence.per_request(len(evidence.rows(Kind.OP)))
    return max(high - ops * TRACED_OP_NS, 0)


def _on_cpu(evidence: Evidence) -> Iterator[Finding]:
    ops = evidence.inside(evidence.timeline.outermost_ops)
    times = evidence.timeline.durations(ops)
    tiny = ops[times < TINY_OP_NS]
    count = evidence.per_request(len(tiny))
    if count < MIN_TINY_OPS or np.median(times) >= TINY_OP_NS:
        return
    spent = evidence.exposed_part_ns(tiny, "compute.cpu") + evidence.exposed_ns(
        "python.interpreter"
    )
    high = max(spent - (tracer_cost_ns(evidence) or 0), 0)
    if evidence.share(high) < MIN_TINY_SHARE:
        return
    yield Finding(
        title="Stop dispatching tiny operators one by one: compile the model or batch its input",
        why=f"Per request {count} operators shorter than {TINY_OP_NS // 1000} us, and the Python "
        f"between operators, take {high / 1e6:.2f} ms ({100 * evidence.share(high):.0f} % of the "
        "wall); most of that is the framework's dispatch, not arithmetic.",
        stage="compute",
        saving=Saving(0, high, "C"),
        fix=CPU_FIX,
        where=compute_where(evidence, tiny),
    )


GPU_FIX = Fix(
    text="Compile with CUDA graphs and warm up every input shape before serving. Keep shapes few: "
    "each one is captured anew.",
    code="""\
model = torch.compile(model.eval(), mode="reduce-overhead")
with torch.inference_mode():
    for example in one_input_per_served_shape:
        for _ in range(3):  # compile, capture, first replay
            model(example)
""",
    risk="Graph outputs live in buffers that the next call overwrites: clone what you keep. "
    "Synchronisations and data-dependent control flow break the capture; graphs hold extra memory.",
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.compile.html",
        "https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs",
    ),
)

CPU_FIX = Fix(
    text="Compile the model, so that chains of small operators become one loop, or serve several "
    "inputs per call: dispatch is paid per operator, not per item.",
    code="""\
model = torch.compile(model.eval())
with torch.inference_mode():
    model(example)  # compile before serving
""",
    risk="The first call of each new shape compiles for seconds; needs a C++ compiler at run time.",
    references=("https://docs.pytorch.org/docs/stable/generated/torch.compile.html",),
)
