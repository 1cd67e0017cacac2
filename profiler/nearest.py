"""Says that a name is none of those that are known, and which of them was probably meant."""

from __future__ import annotations

from collections.abc import Iterable

ALIKE = 0.4
"""How much of a name must agree (``difflib``): names of a few words that share one reach it."""


def no_such(kind: str, name: str, known: Iterable[str], otherwise: str = "") -> str:
    """``small-copy: no such rule; did you mean small-copies?``, else what to do ``otherwise``."""
    from difflib import get_close_matches  # only who errs needs it

    close = get_close_matches(name.lower(), list(known), 1, ALIKE)
    hint = f"did you mean {close[0]}?" if close else otherwise
    return f"{name}: no such {kind}; {hint}" if hint else f"{name}: no such {kind}"
