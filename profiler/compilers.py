"""Keeps out of the sight of torch.compile: what it reads, it takes for the program's own code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

NEEDED = "torch._dynamo.callback", "torch._dynamo.trace_rules", "torch._dynamo.eval_frame"


def is_imported(module: Any) -> bool:
    """Whether a module is there, and not still being imported."""
    return module is not None and not getattr(
        getattr(module, "__spec__", None), "_initializing", False
    )


class Compilers:
    """Tells when a compilation begins and ends, once torch.compile is there."""

    def __init__(self, begins: Callable[[], None], ends: Callable[[], None]) -> None:
        self._begins, self._ends = begins, ends
        self._handler: Any = None

    def try_to_begin(self) -> Any | None:
        """Call it now and then. Returns the class of compiled models when it has just begun."""
        modules = [sys.modules.get(name) for name in NEEDED]
        if self._handler is not None or not all(map(is_imported, modules)):
            return None
        callback, rules, frames = modules
        try:
            self._handler = callback.callback_handler  # type: ignore[union-attr]
            self._handler.register_start_callback(self._begin)
            self._handler.register_end_callback(self._end)
            rules.add("infprof")  # type: ignore[union-attr]  # frames of ours are not compiled
        except (AttributeError, TypeError):  # another version: better not to watch at all
            self._handler = None
            self._begins()
            return None
        return getattr(frames, "OptimizedModule", None)

    def end(self) -> None:
        """No more."""
        if self._handler is not None:
            self._handler.remove_start_callback(self._begin)
            self._handler.remove_end_callback(self._end)

    def _begin(self, _: Any) -> None:
        self._begins()

    def _end(self, _: Any) -> None:
        self._ends()
