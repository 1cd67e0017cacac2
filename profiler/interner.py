"""Strings to small integers, in order of first sight."""

from __future__ import annotations


class Interner:
    """Gives each distinct string an index; ``strings()[index]`` gives it back."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.index.setdefault(text, len(self.index))

    def strings(self) -> tuple[str, ...]:
        """All strings so far; position is index."""
        return tuple(self.index)
