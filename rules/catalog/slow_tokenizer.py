"""Text is cut into tokens by Python code instead of a compiled tokenizer.

What it looks for:
Sampled stacks in tokenizers written in Python: ``tokenization_<model>.py`` of transformers without
``_fast``, NLTK, sacreBLEU, spaCy, the wrapper of sentencepiece, or a function of the user's named
``tokenize``, ``encode_text``, ``bpe`` that loops. At least 5 % of the wall.

Why it costs time:
A tokenizer looks at every character and merges pairs over and over, each step at the price of the
interpreter. The Rust library ``tokenizers`` does the same about ten times as fast, works on a batch
with several threads and lets other Python threads run meanwhile.

How to fix it:
Load the fast class (``AutoTokenizer.from_pretrained(name)``, then check ``tokenizer.is_fast``),
give it the whole batch in one call, and tokenise in a worker while the model computes.

When to ignore it:
Prompts are a few words long, or no fast class exists for the model: then convert its vocabulary
with ``tokenizers`` once. Rarely a few token ids differ: compare them on your own texts.

Catalogue: IP-PRE-003
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.rules.call_masks import main_stage
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.host_code import places, require_samples
from infprof.rules.loop_report import exposed_ns
from infprof.rules.tokenizing import tokenizing

NEEDS: tuple[Need, ...] = ("stacks",)
USES_TRACER = False

COMPILED_SPEEDUP = 10
"""Rust tokenizers take about a tenth of the time of Python ones (CATALOGUE IP-PRE-003)."""

FIX = Fix(
    text="Use the fast (Rust) tokenizer, on a whole batch in one call.",
    code="""\
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(name)  # once per process
assert tokenizer.is_fast

def encode(texts: list[str]):
    return tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
""",
    risk="A few token ids may differ on rare characters: compare them on recorded texts first.",
    references=(
        "https://huggingface.co/docs/transformers/main_classes/tokenizer",
        "https://huggingface.co/docs/tokenizers/index",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find tokenizers that run in Python."""
    require_samples(evidence)
    slow = tokenizing(evidence)
    if not slow.any():
        return
    time_ns = exposed_ns(evidence, slow)
    where = places(evidence, slow)
    place = f" in {where[0].name}" if where else ""
    yield Finding(
        title=f"Tokenise with a compiled tokenizer{place}",
        why=(
            f"Python code tokenises for {time_ns / 1e6:.2f} ms of each request"
            f" ({100 * evidence.share(time_ns):.0f} % of its wall){place}."
        ),
        stage=main_stage(evidence, slow, "preprocess"),
        saving=Saving(0, time_ns - time_ns // COMPILED_SPEEDUP, "C"),
        fix=FIX,
        where=where,
    )
