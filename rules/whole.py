"""What rules say of a request, said of the whole: where no requests are known."""

from __future__ import annotations

import re

_OF_A_REQUEST = (
    (r"\b[Pp]er request\b ?", ""),
    (r"\bEach request's wall\b|\beach request's wall\b", "the whole"),
    (r" of each request(?= \()", ""),
    (r"\bof each request\b", "of the whole"),
    (r"\bEach request\b|\bA request\b", "The program"),
    (r"\b(the|each) request\b", "the program"),
    (r"\bits wall\b", "the whole"),
    (r"\bthe wall\b", "the whole"),
    (r" +([,.;:)])", r"\1"),
    (r"  +", " "),
)


def of_the_whole(text: str) -> str:
    """``takes 5 ms of each request`` becomes ``takes 5 ms of the whole``."""
    for pattern, words in _OF_A_REQUEST:
        text = re.sub(pattern, words, text)
    return text[:1].upper() + text[1:]
