"""Inference runs with autograd on, or the model is still in training mode.

What it looks for:
Layers that ran with grad mode on (their ops carry an autograd sequence number), dropout that draws
random numbers, batch norm that updates its statistics. Reported whatever it costs, because
training mode changes the answers. A recording with a backward pass is training, and is left alone.

Why it costs time:
For each differentiable op autograd makes a node of the graph, 1 to 2 us of host time, and keeps
the op's inputs alive until the output is dropped: activation memory of the whole forward instead
of two layers of it. In training mode dropout makes the answer random, and batch norm makes it
depend on the other items of the batch.

How to fix it:
Call ``model.eval()`` once after loading, and run each request under ``torch.inference_mode()``.
They are two switches: ``eval()`` does not stop autograd, ``inference_mode()`` does not stop
dropout.

When to ignore it:
You need gradients with respect to the input (saliency, attacks, test-time training), or dropout at
inference by design (Monte Carlo dropout).

Catalogue: IP-PY-003
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.profiler.events import Flag, Kind
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.layer_ops import layer_rows
from infprof.rules.model_callers import compute_where
from infprof.rules.op_inputs import inputs_of

NEEDS: tuple[Need, ...] = ("ops",)
ALWAYS_REPORT = True
"""Training mode changes the answers: that matters whatever the time it costs."""

NODE_NS = 2_000
"""Host time per recorded op, at most: 100 linear layers of width 8 with ReLU took 1.8 to 2.2 us
more per node with autograd than under inference_mode (torch 2.13, CPU). IP-PY-003 has 1 us."""

RECORDED_LAYERS_SHARE = 0.5
"""Tensor preprocessing outside ``no_grad`` is harmless; half of the layers in grad mode is not."""

DRAWS = ("aten::native_dropout", "aten::_fused_dropout", "aten::bernoulli_")

FIX = Fix(
    text="Switch the model to evaluation once, and run every request without autograd.",
    code="""\
model.eval()  # once, after loading

@torch.inference_mode()
def predict(batch):
    return model(batch)
""",
    risk="Tensors made in inference_mode cannot enter autograd later; where they must: no_grad().",
    references=(
        "https://docs.pytorch.org/docs/stable/notes/autograd.html#locally-disabling-gradient-computation",
        "https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad_mode.inference_mode.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find gradients and training mode in inference."""
    if trains(evidence):
        return
    recorded = recorded_rows(evidence)
    reasons = training_signs(evidence)
    if not len(recorded) and not reasons:
        return
    count = len(recorded) / evidence.requests
    if len(recorded):
        reasons.insert(0, f"{count:.0f} ops of each request ran with grad mode on")
    hidden = evidence.exposed_part_ns(recorded, "python.dispatch", "compute.cpu")
    cost = min(evidence.per_request(len(recorded) * NODE_NS), hidden)
    yield Finding(
        title=(
            "Run inference under torch.inference_mode()" if len(reasons) == 1 and len(recorded)
            else "Switch the model to eval() and inference_mode()" if len(recorded)
            else "Switch the model to eval()"
        ),
        why=f"{'; '.join(reasons)[0].upper()}{'; '.join(reasons)[1:]}.",
        stage="python" if evidence.device_use == "used" else "compute",
        saving=Saving(0, cost, "C"),
        fix=FIX,
        where=compute_where(evidence, recorded),
    )  # fmt: skip


def trains(evidence: Evidence) -> bool:
    """Whether a backward pass or an optimizer ran anywhere in the recording."""
    timeline = evidence.timeline
    rows = timeline.of(Kind.OP, Kind.RANGE)
    return bool((timeline.label(rows, _backward) == "yes").any())


def _backward(name: str) -> str | None:
    signs = ("autograd::engine", "Optimizer.")
    backward = name.startswith(signs) or name.rstrip("0123456789").endswith("Backward")
    return "yes" if backward else None


def recorded_rows(evidence: Evidence) -> Rows:
    """Innermost ops with grad mode on; none while most layers ran without.

    Each makes one node of autograd's graph, or none where no input needs a gradient: a ceiling.
    """
    layers = layer_rows(evidence)
    if not len(layers) or evidence.flagged(layers, Flag.AUTOGRAD).mean() < RECORDED_LAYERS_SHARE:
        return layers[:0]
    rows = evidence.rows(Kind.OP)
    rows = rows[evidence.flagged(rows, Flag.AUTOGRAD)]
    events = evidence.timeline.events
    innermost = np.ones(len(rows), bool)
    for lane in np.unique(events.lane[rows]):
        mine = np.flatnonzero(events.lane[rows] == lane)
        ends, starts = events.end_ns[rows[mine]], events.start_ns[rows[mine]]
        innermost[mine[:-1]] = starts[1:] >= ends[:-1]
    return rows[innermost]


def training_signs(evidence: Evidence) -> list[str]:
    """What shows training mode, in words."""
    signs = []
    if evidence.header.flags.get("training") is True:
        signs.append("the model says it is in training mode")
    if len(evidence.named(Kind.OP, "aten::dropout")) or len(evidence.named(Kind.OP, *DRAWS[:2])):
        drawn = len(evidence.timeline.outermost(evidence.named(Kind.OP, *DRAWS)))
        if drawn:
            signs.append(
                f"dropout drew random numbers {drawn / evidence.requests:.0f} times a request"
            )
    if _statistics_updates(evidence):
        signs.append("batch norm updated its statistics")
    return signs


def _statistics_updates(evidence: Evidence) -> int:
    """Additions to batch norm's counter of batches: only training mode makes them."""
    if not len(evidence.named(Kind.OP, "aten::batch_norm")):
        return 0
    found = (inputs_of(evidence.timeline, row) for row in evidence.named(Kind.OP, "aten::add_"))
    return sum(
        one is not None and one.dims[:1] == ((),) and one.types[:1] == ("long int",)
        for one in found
    )
