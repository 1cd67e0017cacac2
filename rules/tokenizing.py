"""Samples of tokenizers that run in Python, a library's or the user's own."""

from __future__ import annotations

import re

import numpy as np

from infprof.rules.call_masks import Mask, running, under
from infprof.rules.evidence import Evidence
from infprof.rules.interpreted import loops, own_code

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

MOSTLY = 0.5
"""From half of the time of such functions in loops on, all of it is the tokenizer's."""


def tokenizing(evidence: Evidence) -> Mask:
    """Samples that worked in a tokenizer of Python. A function of the user's counts where it loops:
    one that calls a fast library only waits for it."""
    slow = under(evidence, lambda place: bool(SLOW.search(place.file)))
    fast = under(evidence, lambda place: not place.is_user and bool(FAST.search(place.file)))
    found = slow & ~fast & running(evidence)
    named = under(evidence, lambda place: place.is_user and bool(OWN.search(place.function)))
    own = own_code(evidence) & named
    looping = np.logical_or.reduce([own & False, *(one.samples for one in loops(evidence, named))])
    return found | (own if looping.sum() >= MOSTLY * own.sum() else looping)
