"""Where a long trace can be cut in two, for two processes to read side by side."""

from __future__ import annotations

import re
from pathlib import Path

BETWEEN = re.compile(rb"\}\s*,\s*\{")
SEARCHED = 256 << 10
"""Bytes; far more than an event."""


def boundary(file: Path, near: int) -> int | None:
    """The offset of the first comma behind ``near`` that seems to stand between two events.

    Whether it does is told by reading what lies on either side. ``None`` where there is none, as
    in a packed file. Raises ``OSError``.
    """
    with file.open("rb") as opened:
        opened.seek(near)
        text = opened.read(SEARCHED)
    found = BETWEEN.search(text)
    return near + text.index(b",", found.start()) if found else None
