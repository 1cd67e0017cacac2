"""How far the reading of a long file is, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def shown_on_terminal(name: str) -> Iterator[Callable[[int, int], None] | None]:
    """Gives who is to be told how many bytes are read, and how many there are; ``None`` where
    nobody would see it. What was shown is gone at the end."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"Reading {escape(name)}", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
