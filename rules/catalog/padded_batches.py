"""A quarter or more of what the model computes is padding.

What it looks for:
Attention masks that models are called with (arguments named `attention_mask`, `input_mask`,
`src_key_padding_mask` or `key_padding_mask`, in the host's memory): how many of the tokens they
mark as real. It counts where layers were seen to compute on as many rows as there are tokens, so
that a model that packs its input by itself is no case. Without masks a recording cannot tell
padding from text, and nothing is guessed.

Why it costs time:
Layers work in proportion to the tokens, padding included, and attention to their square. A batch
is as long as its longest row; `padding="max_length"` makes it as long as the model allows.

How to fix it:
Pad to the longest row of the batch and no further. Put rows of similar length into one batch: sort
a job's inputs by length, or keep a queue per range of lengths. Jagged (nested) tensors, or the
variable-length kernels of FlashAttention, compute no padding at all.

When to ignore it:
Shapes are fixed on purpose, for a compiled graph or a CUDA graph: then make one for each of a few
lengths. Sorting changes the order of answers, and who waits how long for a batch.

Catalogue: IP-CFB-002
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from infprof.profiler.input_series import LONGEST, REAL, TOKENS
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.layer_ops import LayerOp, layer_ops, layer_rows
from infprof.rules.model_callers import compute_where

NEEDS: tuple[Need, ...] = ("ops", "shapes")

MIN_PADDED = 0.25
"""Batches of similar lengths have 10 to 20 % of padding, which sorting hardly lowers (CATALOGUE
IP-CFB-002)."""

MIN_COMPUTE_SHARE = 0.30
"""Of the wall: with less, the padding is not what the request waits for (CATALOGUE IP-CFB-002)."""

MIN_CALLS = 3
"""One short row may come by chance."""

FIX = Fix(
    text="Pad each batch to its own longest row, and batch rows of similar length.",
    code="""\
texts = sorted(texts, key=len)                       # similar lengths side by side
for start in range(0, len(texts), 32):
    batch = tokenizer(texts[start : start + 32], padding="longest", return_tensors="pt")
    with torch.inference_mode():
        outputs = model(**batch)

# rows that are padded already: cut what no row needs
longest = int(attention_mask.sum(1).max())
outputs = model(input_ids[:, :longest], attention_mask=attention_mask[:, :longest])
""",
    risk="Sorted inputs must be put back into their order. Models with absolute positions and"
    " padding on the left need position_ids that fit.",
    references=(
        "https://huggingface.co/docs/transformers/pad_truncation",
        "https://docs.pytorch.org/docs/stable/nested.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Compare the tokens that are computed with those that are real."""
    tokens, real = evidence.series(TOKENS), evidence.series(REAL)
    longest = evidence.series(LONGEST)
    if tokens is None:
        if not evidence.header.model_calls:
            raise Unknown("what models are called with was not recorded")
        return
    if real is None or longest is None:
        raise Unknown("the attention mask was not in the host's memory")
    padded = 1 - float(real.sum()) / float(tokens.sum())
    cut = 1 - float(longest.sum()) / float(tokens.sum())
    computing = evidence.exposed_ns("compute")
    if len(tokens) < MIN_CALLS or padded < MIN_PADDED:
        return
    if evidence.share(computing) < MIN_COMPUTE_SHARE or not _computes(evidence, set(tokens)):
        return
    yield Finding(
        title="Compute less padding: batch rows of similar length",
        why=(
            f"{100 * padded:.0f} % of the tokens of {len(tokens)} model calls are padding by their"
            f" attention masks; to end each batch with its longest row would cut"
            f" {100 * cut:.0f} %. Compute takes {computing / 1e6:.2f} ms per request"
            f" ({100 * evidence.share(computing):.0f} % of the wall)."
        ),
        stage="compute",
        saving=Saving(int(computing * cut), int(computing * padded), "B"),
        fix=FIX,
        where=compute_where(evidence),
    )


def _computes(evidence: Evidence, tokens: set[float]) -> bool:
    """Whether some layer was given as many rows as one of the batches has tokens."""
    ops = layer_ops(evidence, layer_rows(evidence))
    return any(op is not None and _rows(op) in tokens for op in ops)


def _rows(op: LayerOp) -> int:
    return prod(op.item[:-1]) if not (op.is_embedding or op.is_convolution) else 0
