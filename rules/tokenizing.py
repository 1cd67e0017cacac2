"""Samples of tokenizers that run in Python, a library's or the user's own."""

from __future__ import annotations

import re

from infprof.rules.call_masks import Mask, running, under
from infprof.rules.evidence import Evidence
from infprof.rules.interpreted import below_loops

SLOW = re.compile(
    r"transformers/(tokenization_utils|tokenization_python)\.py"
    r"|(^|/)tokenization_(?!utils)\w+(?<!_fast)\.py"
    r"|sacrebleu/tokenizers/|(^|/)nltk/token|(^|/)spacy/(tokenizer|lang)|sentencepiece/__init__\.py"
)
"""Files of tokenizers that work through the text in Python."""

FAST = re.compile(r"tokenization_\w*(fast|tokenizers)\.py|(^|(?<!sacrebleu)/)tokenizers/")
"""Files that hand the text to the Rust library in one call."""

OWN = re.compile(
    r"(?i)(^|[._])(de)?(tokeni[sz]e\w*|bpe\w*|wordpiece\w*|(en|de)code_(text|tokens?))$"
    r"|(?i:tokeni[sz]er)\.\w+$"
)
"""What people call the function or the class of their own that does it."""


def tokenizing(evidence: Evidence) -> Mask:
    """Samples that worked in a tokenizer of Python. A function of the user's counts where it loops:
    one that calls a fast library only waits for it."""
    slow = under(evidence, lambda place: bool(SLOW.search(place.file)))
    fast = under(evidence, lambda place: not place.is_user and bool(FAST.search(place.file)))
    found = slow & ~fast & running(evidence)
    named = under(evidence, lambda place: place.is_user and bool(OWN.search(place.function)))
    return found | below_loops(evidence, named)
