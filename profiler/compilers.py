"""Keeps out of the sight of torch.compile: what it reads, it takes for the program's own code."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from infprof.profiler.wrapping import hide_own_frame

NEEDED = "torch._dynamo.callback", "torch._dynamo.trace_rules", "torch._dynamo.eval_frame"


def is_imported(module: Any) -> bool:
    """Whether a module is there, and not still being imported."""
    return module is not None and not getattr(
        getattr(module, "__spec__", None), "_initializing", False
    )


KEPT = (
    ("torch._dynamo.utils", "unpatched_nn_module_call"),
    ("torch._dynamo.variables.nn_module", "unpatched_nn_module_call"),
    ("torch.fx._symbolic_trace", "_orig_module_call"),
)
"""Where torch keeps ``nn.Module.__call__`` as it is when these modules are imported: maybe ours."""


def _give_back_originals() -> None:
    for name, attribute in KEPT:
        module: Any = sys.modules.get(name)
        kept: Any = getattr(module, attribute, None)
        if getattr(kept, "of_infprof", False):
            setattr(module, attribute, kept.__wrapped__)


class Compilers:
    """Tells when a compilation begins and ends, once torch.compile is there."""

    def __init__(self, begins: Callable[[], None], ends: Callable[[], None]) -> None:
        self._begins, self._ends = begins, ends
        self._handler: Any = None
        self._undo_export: Callable[[], None] | None = None

    def try_to_begin(self) -> Any | None:
        """Call it now and then. Returns the class of compiled models when it has just begun."""
        if self._undo_export is None and is_imported(sys.modules.get("torch.export")):
            self._undo_export = self._watch_export(sys.modules["torch.export"])
        _give_back_originals()
        modules = [sys.modules.get(name) for name in NEEDED]
        if self._handler is not None:
            if self._begin not in self._handler.start_callbacks:  # torch._dynamo.reset() drops all
                self._handler.register_start_callback(self._begin)
                self._handler.register_end_callback(self._end)
            return None
        if not all(map(is_imported, modules)):
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

    def _watch_export(self, module: Any) -> Callable[[], None]:
        """It compiles too, but tells nobody."""
        original = module.export

        @functools.wraps(original)
        def export(*args: Any, **kwargs: Any) -> Any:
            self._begins()
            try:
                return original(*args, **kwargs)
            except BaseException as error:
                hide_own_frame(error)
                raise
            finally:
                self._ends()

        def undo() -> None:
            if module.export is export:
                module.export = original

        module.export = export
        return undo

    def end(self) -> None:
        """No more."""
        undo, self._undo_export = self._undo_export, None
        if undo is not None:
            undo()
        handler, self._handler = self._handler, None
        if handler is not None and self._begin in handler.start_callbacks:
            handler.remove_start_callback(self._begin)
            handler.remove_end_callback(self._end)

    def _begin(self, _: Any) -> None:
        with suppress(Exception):  # it would come out of torch.compile
            self._begins()

    def _end(self, _: Any) -> None:
        with suppress(Exception):
            self._ends()
