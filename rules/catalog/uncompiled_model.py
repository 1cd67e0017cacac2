"""Element-wise kernels run one after the other, each through all of memory: they could be fused.

What it looks for:
Exposed time of PyTorch's own element-wise, normalisation, reduction and copying kernels, when it is
a fifth or more of the GPU's exposed compute and most of the GPU's time is not compiled already:
kernels that torch.compile generated (`triton_`) or that come from CUDA graphs do not count. On a
CPU-only host: the same share in element-wise operators.

Why it costs time:
Such a kernel does little arithmetic and is as slow as memory: each one reads its input and writes
its output in full. A chain of n of them moves the tensor n times where a fused kernel moves it
once. A compiler fuses the chain, often into the matrix multiplication before it. The bound is all
of that time; fusion never removes the last read and write. Where shapes tell which tensors a chain
hands on, a replay says what one kernel for each chain saves at least.

How to fix it:
`torch.compile(model)`. For a fixed network of convolutions, Torch-TensorRT goes further; in an
exported ResNet at least fold batch norms with `torch.nn.utils.fusion.fuse_conv_bn_eval`. Build and
warm up before serving, one run per input shape.

When to ignore it:
Against compiling: shapes that change with each request (recompiles, each 1 to 100 s); Python
control flow on values, or custom operators that the compiler does not know (graph breaks);
processes too short-lived for the build time; kernels already at the roofline, dense ones above all.
Against TensorRT moreover: engines are bound to one GPU type and version, unsupported operators fall
back piece by piece, and low precision needs its own accuracy check. A launch-bound forward is
launch-bound-forward's case.

Catalogue: IP-LCH-002, IP-CFB-001
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from infprof.profiler import names
from infprof.profiler.events import Flag, Kind
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.fusion import fusion
from infprof.rules.launch_gaps import faster_kernels_help
from infprof.rules.model_callers import compute_where
from infprof.rules.processor import ran_on_gpu

NEEDS: tuple[Need, ...] = ()
NOT_WHILE = {
    "thread-oversubscription": "operators wait for threads that have no core, and would do so"
    " fused",
    "unfused-attention": "fused attention has no matrix of scores to scale, mask and normalise",
}

MIN_SHARE_OF_COMPUTE = 0.20
"""Below a fifth of the compute, dense kernels dominate and fusion has little to remove."""

MIN_KERNELS = 8
"""A handful of element-wise kernels per request is no chain to fuse."""

COMPILED_SHARE = 0.5
"""When most of the GPU's time is in generated kernels or in graphs, the model is compiled."""

NEARLY_ALL = 0.8
"""Of the kernels' time in chains whose tensors are known: then what fusing brings is known too, as
well as a roofline tells. Else the rest may vanish into kernels that are no element-wise ones."""

EAGER = re.compile(r"at::native|softmax_warp|cudnn::bn_|MIOpenBatchNorm")
"""PyTorch's own kernels and those of its norms: a vendor's fused kernels have other names."""

NOT_FUSIBLE = re.compile(r"(?i)sort|scan|embedding|upsample|pool|nms|distribution|multi_tensor")
"""Kernels of that kind which a compiler leaves as they are."""

FUSIBLE_OPS = frozenset(
    f"aten::{name}"
    for name in (
        "add add_ sub mul mul_ div div_ relu relu_ gelu silu silu_ sigmoid tanh exp pow rsqrt sqrt "
        "neg clamp where hardtanh hardtanh_ hardswish hardswish_ leaky_relu softmax layer_norm "
        "batch_norm group_norm rms_norm mean sum"
    ).split()
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge element-wise kernels on a GPU, element-wise operators on a CPU-only host."""
    yield from _on_gpu(evidence) if ran_on_gpu(evidence) else _on_cpu(evidence)


def _nature(name: str) -> str | None:
    """``generated`` by torch.compile, ``fusible`` by it, or neither."""
    if name.startswith("triton_"):
        return "generated"
    light = names.kernel_family(name) == "pointwise"  # copies are another rule's case
    return "fusible" if light and EAGER.search(name) and not NOT_FUSIBLE.search(name) else None


def _on_gpu(evidence: Evidence) -> Iterator[Finding]:
    kernels = evidence.rows(Kind.KERNEL)
    nature, time = evidence.timeline.label(kernels, _nature), evidence.timeline.durations(kernels)
    compiled = (nature == "generated") | evidence.flagged(kernels, Flag.GRAPH)
    if time[compiled].sum() >= COMPILED_SHARE * time.sum() or not faster_kernels_help(evidence):
        return
    rows = kernels[(nature == "fusible") & ~compiled]
    spent = evidence.exposed_part_ns(rows, "compute.pointwise")
    change = evidence.shorter((rows, 1.0))
    saving = Saving(0, evidence.saved_ns(spent, change), "C", evidence.basis)
    for finding in _judge(evidence, rows, spent, saving, "kernels"):
        yield _with_chains_fused(evidence, rows, replace(finding, change=change))


def _with_chains_fused(evidence: Evidence, rows: Rows, finding: Finding) -> Finding:
    """What fusing the chains among the kernels saves at least; where they are nearly all of them,
    also at most."""
    found, replays = fusion(evidence, rows), evidence.replays
    if found is None or replays is None:
        return finding
    sure, best = (replays.saved_ns(one) for one in (found.surely, found.at_best))
    time = evidence.timeline.durations
    if time(found.kernels).sum() < NEARLY_ALL * time(rows).sum():
        high = finding.saving.high_ns
        return replace(finding, saving=replace(finding.saving, low_ns=min(sure, high)))
    saving = Saving(min(sure, best), best, "B", "replay")
    return replace(finding, saving=saving, change=found.at_best)


def _on_cpu(evidence: Evidence) -> Iterator[Finding]:
    if (reason := evidence.lacks("ops")) is not None:
        raise Unknown(reason)
    ops = evidence.inside(evidence.timeline.outermost_ops)
    fusible = evidence.timeline.label(ops, lambda name: "yes" if name in FUSIBLE_OPS else None)
    rows = ops[fusible == "yes"]
    spent = evidence.exposed_part_ns(rows, "compute.cpu")
    yield from _judge(evidence, rows, spent, Saving(0, spent, "C"), "operators")


def _judge(
    evidence: Evidence, rows: Rows, spent: int, saving: Saving, what: str
) -> Iterator[Finding]:
    count, computing = len(rows) / evidence.requests, evidence.exposed_ns("compute")
    if count < MIN_KERNELS or not spent or spent < MIN_SHARE_OF_COMPUTE * computing:
        return
    yield Finding(
        title="Compile the chains of element-wise work that still run eagerly",
        why=f"{count:.0f} element-wise and normalisation {what} per request take "
        f"{spent / 1e6:.2f} ms ({100 * evidence.share(spent):.0f} % of the wall, "
        f"{100 * spent / computing:.0f} % of the compute), each reading and writing its tensors "
        "in full.",
        stage="compute",
        saving=saving,
        fix=GPU_FIX if what == "kernels" else CPU_FIX,
        where=compute_where(evidence, rows),
    )


GPU_FIX = Fix(
    text="Compile, warm up every served shape, and count graph breaks. Try Torch-TensorRT only for "
    'fixed shapes and a network it covers fully: backend="tensorrt" after import torch_tensorrt.',
    code="""\
model = torch.compile(model.eval(), dynamic=None)   # fullgraph=True: graph breaks become errors
with torch.inference_mode():
    for example in one_input_per_served_shape:
        model(example)                              # compiles: seconds to minutes, before serving
""",
    risk="Each new shape may compile anew; mark sizes that vary with torch._dynamo.mark_dynamic. "
    "Fused arithmetic rounds differently: compare outputs.",
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.compile.html",
        "https://docs.pytorch.org/TensorRT/",
    ),
)

CPU_FIX = replace(
    GPU_FIX,
    text="Compile, warm up every served shape, and count graph breaks.",
    references=GPU_FIX.references[:1],
)
