"""The device, or the processor, spends its time copying tensors from one place to another.

What it looks for:
Copies within one memory (`contiguous`, `clone`, `cat`, `copy_`, a change of layout or type that
stays where it is) that take a tenth of the computing or more: on a GPU by their kernels, on a CPU
by their operators. The casts of weights that autocast makes are autocast-churn's case, those that
unpack weights dequantization's.

Why it costs time:
A copy computes nothing: each byte is read once and written once at the memory's speed, and the next
kernel reads it a third time. A cache that `torch.cat` makes longer at every step is copied whole at
every step: after n steps n times n / 2 rows were moved for n new ones.

How to fix it:
Allocate the final tensor once and write each part where it belongs: `out=`, a slice, a static
cache. Arrange weights once so that no permuted tensor is made contiguous again. Pass views.

When to ignore it:
A copy that something needs: the inputs of a CUDA graph, results that are kept beyond the buffer.
Where the device waits for its launches, fewer bytes change nothing.

Catalogue: IP-CMB-004
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.profiler import names
from infprof.profiler.events import Kind
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.launch_gaps import faster_kernels_help
from infprof.rules.model_callers import compute_where
from infprof.rules.op_kernels import kernels_of
from infprof.rules.processor import ran_on_gpu
from infprof.rules.weight_casts import casts_of_weights
from infprof.rules.weight_unpacking import weight_unpacking

NEEDS: tuple[Need, ...] = ()

MIN_SHARE_OF_COMPUTE = 0.10
"""Of the computing: below it the copies are what any model has at its edges (CATALOGUE 1.3)."""

COPYING_OPS = frozenset(
    f"aten::{name}"
    for name in "cat concat stack hstack vstack copy_ clone contiguous to repeat".split()
)
"""As the program calls them: what a matrix product copies for itself is its own affair."""

FIX = Fix(
    text="Allocate the result once and write the parts into it; where permuted tensors are made "
    "contiguous again at each call, arrange the weights instead.",
    code="""\
# instead of cache = torch.cat([cache, new], dim=1) at each step
cache = torch.empty(batch, most_steps, width)   # once
cache[:, step : step + 1] = new                 # one row written, none moved
seen = cache[:, : step + 1]                     # a view
""",
    risk="A buffer that is used again must not be kept by the caller: hand out a clone at the end.",
    references=("https://docs.pytorch.org/docs/stable/tensor_view.html",),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge copy kernels and copies within the GPU, or copying operators on a CPU-only host."""
    if ran_on_gpu(evidence):
        kernels = evidence.rows(Kind.KERNEL, names.kernel_family, "copy")
        moved = evidence.rows(Kind.COPY, names.copy_direction, "d2d")
        if faster_kernels_help(evidence):
            copies = _others(evidence, np.sort(np.concatenate([kernels, moved])))
            spent = evidence.exposed_part_ns(copies, "compute.copy", "compute.memory")
            yield from _judge(evidence, copies, spent, evidence.shorter((copies, 1.0)))
        return
    if (reason := evidence.lacks("ops")) is not None:
        raise Unknown(reason)
    ops = evidence.inside(evidence.timeline.outermost_ops)
    is_copy = evidence.timeline.label(ops, lambda name: "yes" if name in COPYING_OPS else None)
    copies = ops[is_copy == "yes"]
    spent = evidence.exposed_part_ns(copies, "compute")
    yield from _judge(evidence, copies, spent, None)


def _others(evidence: Evidence, copies: Rows) -> Rows:
    """Without those that are autocast-churn's or dequantization's case, as far as can be told."""
    if evidence.lacks("ops") or evidence.lacks("shapes"):
        return copies
    theirs = np.union1d(casts_of_weights(evidence), weight_unpacking(evidence))
    return np.setdiff1d(copies, kernels_of(evidence, theirs))


def _judge(
    evidence: Evidence, copies: Rows, spent: int, change: Change | None
) -> Iterator[Finding]:
    computing = evidence.exposed_ns("compute")
    if not spent or spent < MIN_SHARE_OF_COMPUTE * computing:
        return
    yield Finding(
        title="Stop copying tensors within one memory",
        why=f"{len(copies) / evidence.requests:,.0f} copies per request take {spent / 1e6:.2f} ms "
        f"({100 * evidence.share(spent):.0f} % of the wall, {100 * spent / computing:.0f} % of the "
        "compute) and compute nothing.",
        stage="compute",
        saving=Saving(0, evidence.saved_ns(spent, change), "C", evidence.basis),
        fix=FIX,
        where=compute_where(evidence, copies),
        change=change,
    )
