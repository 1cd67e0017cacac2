"""Finds the models that a program calls, and marks each outermost call, without being asked.

torch's hook on all modules is set only between such calls, so that the modules inside a model never
meet it (left on, it costs 1.6x on tiny modules; RELIABILITY section 1). Each model found gets hooks
of its own. All are taken away at the end.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from types import CodeType, FrameType
from typing import Any, Protocol
from weakref import WeakSet

from infprof.profiler.call_tree import is_ours
from infprof.profiler.wrapping import hide_own_frame

SEARCHED_CALLS = 100
"""After so many model calls in a row without a new model, no more are looked for."""

TORCH_MODULES = "torch/nn/modules/module.py", "torch/_dynamo/eval_frame.py"
"""Files of the frames between a model's call and our hook."""


class Listener(Protocol):
    """Who is told."""

    def model_called(self, model: Any, inputs: Any, caller: FrameType) -> None:
        """An outermost model call begins in this thread."""

    def model_returned(self, model: Any) -> None:
        """It ended, or raised."""


class _Hook:
    """A hook that may be copied and pickled along with its model: the copies do nothing.

    Nor does it where a compiler follows: it sees an empty function, and no graph breaks.
    """

    def __init__(self, act: Callable[..., None]) -> None:
        self._act = act
        self._is_compiling = sys.modules["torch"].compiler.is_compiling

    def __call__(self, *arguments: Any) -> None:
        if not self._is_compiling():
            self._act(*arguments)

    def __deepcopy__(self, memo: Any) -> Any:
        return nullcontext().__exit__  # takes anything, returns None, and every Python has it

    def __reduce__(self) -> Any:
        return getattr, (nullcontext(), "__exit__")


class _Open(threading.local):
    model: Any = None
    """The model whose outermost call is under way in this thread."""


class ModelCalls:
    """Watches from ``try_to_begin`` to ``end``."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._open = _Open()
        self._search: Any = None
        """The handle of torch's hook on all modules, while it is set."""
        self._hooks: list[Any] = []
        self._known: WeakSet[Any] = WeakSet()
        self._undo_compiled: Callable[[], None] | None = None
        self._unknown_for = 0
        self._begun = self._ended = False

    def try_to_begin(self) -> None:
        """Call it now and then: it begins once torch is there, and steps back from compilers."""
        torch = sys.modules.get("torch.nn.modules.module")
        if torch is None or self._ended or _being_imported(torch):
            return
        if not self._begun:
            self._begun = True
            self._arm()
        compiler = sys.modules.get("torch._dynamo.eval_frame")
        if compiler is not None and self._undo_compiled is None and not _being_imported(compiler):
            self._watch_compiled(compiler)

    def end(self) -> None:
        """Take everything away."""
        self._ended = True
        self._disarm()
        if self._undo_compiled is not None:
            self._undo_compiled()
        for hook in self._hooks:
            hook.remove()

    def _arm(self) -> None:
        """Look for new models at the next call of any module; never while a compiler may trace."""
        if self._ended or self._search is not None or "torch._dynamo.eval_frame" in sys.modules:
            return
        torch = sys.modules["torch.nn.modules.module"]
        self._search = torch.register_module_forward_pre_hook(self._found)

    def _disarm(self) -> None:
        search, self._search = self._search, None
        if search is not None:
            search.remove()

    def _found(self, model: Any, inputs: Any) -> None:
        """torch's hook on all modules: an outermost one, as none inside a known call gets here."""
        if self._open.model is not None or self._ended:
            return
        self._disarm()
        if model in self._known:  # its own hook comes next
            return
        self._known.add(model)
        self._unknown_for = 0
        try:
            before = model.register_forward_pre_hook(_Hook(self._before), with_kwargs=True)
            after = model.register_forward_hook(_Hook(self._after), always_call=True)
            self._hooks += [before, after]
        except (RuntimeError, TypeError, AttributeError):  # a script module, an old torch
            self._wait_for_return()
        self._before(model, inputs, {})

    def _wait_for_return(self) -> None:
        """Of a model that takes no hooks; no module inside it is one that Python calls."""

        def returned(model: Any, *_: Any) -> None:
            if model is self._open.model:
                hook.remove()
                self._after(model)

        torch = sys.modules["torch.nn.modules.module"]
        hook = torch.register_module_forward_hook(returned)
        self._hooks.append(hook)

    def _before(self, model: Any, inputs: Any, named: Any) -> None:
        if self._open.model is not None or self._ended:
            return
        self._open.model = model
        if self._search is not None:
            self._disarm()
        self._unknown_for += 1
        try:
            self._listener.model_called(model, (*inputs, *named.values()), _caller())
        except Exception:  # ours may never fail the program
            self.end()

    def _after(self, model: Any, *_: Any) -> None:
        if self._open.model is not model:
            return
        self._open.model = None
        try:
            self._listener.model_returned(model)
        except Exception:  # as above
            self.end()
        if self._unknown_for < SEARCHED_CALLS:
            self._arm()

    def _watch_compiled(self, compiler: Any) -> None:
        """A compiled model has a class of its own; hooks would be compiled into the model."""
        self._disarm()
        kind = getattr(compiler, "OptimizedModule", None)
        if kind is None:
            return
        original = kind.__call__
        own = "__call__" in vars(kind)

        def call(model: Any, *args: Any, **kwargs: Any) -> Any:
            self._before(model, args, kwargs)
            try:
                return original(model, *args, **kwargs)
            except BaseException as error:
                hide_own_frame(error)
                raise
            finally:
                self._after(model)

        def undo() -> None:
            if vars(kind).get("__call__") is call:
                if own:
                    kind.__call__ = original
                else:
                    del kind.__call__

        kind.__call__ = call
        self._undo_compiled = undo


def _being_imported(module: Any) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


_in_between: dict[CodeType, bool] = {}


def _caller() -> FrameType:
    """The innermost frame outside of torch's modules and of ours: it calls the model."""
    frame = sys._getframe(2)
    outer: FrameType | None = frame
    while outer is not None:
        code = outer.f_code
        between = _in_between.get(code)
        if between is None:
            file = code.co_filename
            between = _in_between[code] = is_ours(file) or file.endswith(TORCH_MODULES)
        if not between:
            return outer
        outer = outer.f_back
    return frame
