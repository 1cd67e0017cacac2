"""Attention writes its whole matrix of scores to memory, several times, instead of being fused.

What it looks for:
A product that makes a matrix of scores of 512 x 512 or more, a softmax of that very shape, and a
product that takes it, all three as operators of their own, when the operators that only pass over
the scores (softmax, scale, mask, casts) take a tenth of the computing or more. Fused kernels
(`_flash_attention`, `_efficient_attention`, `_cudnn_attention`) make no such matrix.

Why it costs time:
The scores of S positions are S x S numbers for each head: 67 MB for a head of 4096 positions in
float32. Each pass reads and writes them all, while the result has only S x d. A fused kernel keeps
a tile of them on the chip, and never writes them. The bound is the time of all passes and of one
more, as one product writes the scores and the other reads them; computing the products remains.

How to fix it:
Call `torch.nn.functional.scaled_dot_product_attention`, with the mask or bias as `attn_mask`; in
transformers, `attn_implementation="sdpa"`. Masks that follow a rule, and scores that are changed by
one, go to FlexAttention.

When to ignore it:
The program needs the attention weights themselves. GPUs before compute capability 8.0 have no flash
kernel; the memory-efficient one runs there.

Catalogue: IP-CMB-002
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from infprof.profiler.timeline import Rows
from infprof.rules.attention_scores import attention_scores
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.launch_gaps import faster_kernels_help
from infprof.rules.model_callers import compute_where
from infprof.rules.op_kernels import kernels_of
from infprof.rules.processor import ran_on_gpu

NEEDS: tuple[Need, ...] = ("ops", "shapes")

MIN_POSITIONS = 512
"""Below it the scores of a head fit into a cache: they hardly reach memory (CATALOGUE 1.3)."""

MIN_SHARE_OF_COMPUTE = 0.10
"""Of the computing: below it attention is not what the model spends its time on."""

VIEW_IS_SHORTER = 10
"""An op that takes a tenth of the longest pass only makes a view, or reads a small mask."""

FIX = Fix(
    text="Replace product, softmax and product by one call of scaled_dot_product_attention.",
    code="""\
import torch.nn.functional as F

# instead of ((q @ k.transpose(-2, -1)) * scale + bias).softmax(-1) @ v
y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=scale)

# to be told when no fused kernel can run:
# from torch.nn.attention import SDPBackend, sdpa_kernel
# with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION]): ...
""",
    risk="Sums are taken in another order: compare outputs. On GPUs a float mask keeps the flash "
    "kernel away, and the memory-efficient one runs; on CPUs a mask that requires gradients keeps "
    "all fused kernels away. A causal mask is is_causal=True.",
    references=(
        "https://docs.pytorch.org/docs/stable/generated/"
        "torch.nn.functional.scaled_dot_product_attention.html",
        "https://docs.pytorch.org/docs/stable/nn.attention.flex_attention.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the passes over matrices of scores, by their kernels where there is a GPU."""
    on_gpu = ran_on_gpu(evidence)
    if on_gpu and not faster_kernels_help(evidence):
        return
    found = attention_scores(evidence, MIN_POSITIONS)
    if found is None:
        return
    passes, products = evidence.timeline.outermost(found.passes), found.products
    if on_gpu:
        passes, products = kernels_of(evidence, passes), kernels_of(evidence, products)
    time_ns = evidence.exposed_part_ns(passes, "compute")
    computing = evidence.exposed_ns("compute")
    if not time_ns or time_ns < MIN_SHARE_OF_COMPUTE * computing:
        return
    multiplying = evidence.exposed_part_ns(products, "compute")
    more = min(time_ns * len(found.softmaxes) // _count(evidence, passes), multiplying)
    change = None
    if on_gpu:
        change = evidence.shorter((passes, 1.0), (products, more / max(multiplying, 1)))
    heads, queries, keys = max(found.shapes, key=prod)
    yield Finding(
        title="Fuse the attention: call scaled_dot_product_attention",
        why=f"Passes over whole matrices of attention scores, the largest {heads:,} of {queries:,} "
        f"x {keys:,}, take {time_ns / 1e6:.2f} ms per request ({100 * evidence.share(time_ns):.0f} "
        f"% of the wall, {100 * time_ns / computing:.0f} % of the compute).",
        stage="compute",
        saving=Saving(0, evidence.saved_ns(time_ns + more, change), "C", evidence.basis),
        fix=FIX,
        where=compute_where(evidence, passes),
        change=change,
    )


def _count(evidence: Evidence, passes: Rows) -> int:
    """How many of them really pass over scores."""
    times = evidence.timeline.durations(passes)
    return int((times * VIEW_IS_SHORTER >= times.max()).sum())
