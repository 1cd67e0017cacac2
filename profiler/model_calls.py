"""Finds the models that a program calls, and tells of each outermost call, without being asked.

No hook of torch's is used: with one, torch takes another way through a call, which shows in
tracebacks; and it goes along when the model is copied, saved, scripted or compiled. Instead
``__call__`` of a class is wrapped: of every module only between the outermost calls, so that the
modules inside a model never meet it; of the classes found, for good. All is undone at the end, and
while torch compiles.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Mapping
from time import perf_counter_ns
from types import CodeType, FrameType
from typing import Any, Protocol

from infprof.profiler.call_tree import MODEL_FILE, is_ours, raised_by_user
from infprof.profiler.class_changes import CHANGES
from infprof.profiler.compilers import Compilers, is_imported
from infprof.profiler.wrapping import hide_own_frame

SEARCHED_CALLS = 100
"""After so many model calls in a row without a new class, no more are looked for."""

TORCH_CALLS = MODEL_FILE, "torch/_dynamo/eval_frame.py"
"""Files of the frames between a model's call and our wrapper."""


class Listener(Protocol):
    """Who is told, in the thread that calls."""

    def model_called(
        self,
        model: Any,
        inputs: tuple[Any, ...],
        named: Mapping[str, Any],
        caller: FrameType,
        since_ns: int,
    ) -> None:
        """An outermost model call begins; we have been at work since then. The last of its inputs
        are ``named``."""

    def model_returned(self, model: Any, end_ns: int) -> None:
        """It ended then, or raised; we have been at work since."""


class _OfThread(threading.local):
    is_open = False
    """An outermost call is under way."""


class ModelCalls:
    """Watches from ``try_to_begin`` to ``end``."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._of_thread = _OfThread()
        self._undo: dict[type, Callable[[], bool]] = {}
        """The classes that are wrapped."""
        self._base: Any = None
        """``torch.nn.Module``, once it is there."""
        self._found: set[type] = set()
        """Classes of models."""
        self._compilers = Compilers(self._compilation_begins, self._compilation_ends)
        self._compiling = 0
        """Compilations under way."""
        self._known_for = 0
        self.has_begun = self._ended = False

    def try_to_begin(self) -> None:
        """Call it now and then: it begins once torch is there, and steps back from a compiler."""
        torch = sys.modules.get("torch.nn.modules.module")
        if torch is None or self._ended or not is_imported(torch):
            return
        if not self.has_begun:
            self.has_begun, self._base = True, torch.Module
            self._search()
            if self._base not in self._undo:  # it was searched too often, by earlier sessions
                self._found.update(CHANGES.known())
                for kind in list(self._found):
                    self._wrap(kind)
        compiled = self._compilers.try_to_begin()
        if compiled is not None:
            self._found.add(compiled)  # its own __call__ is not what gets compiled
            self._wrap(compiled)

    def end(self) -> None:
        """Take everything away."""
        self._ended = True
        self._unwrap_all()
        self._compilers.end()

    def _search(self) -> None:
        """Look for a new class at the next call of any module.

        That goes through all its subclasses, some 350 of torch's own: 60 us, or half a millisecond
        where the model has filled the caches since.
        """
        self._wrap(self._base)

    def _compilation_begins(self) -> None:
        self._compiling += 1
        self._unwrap_all()

    def _compilation_ends(self) -> None:
        self._compiling = max(self._compiling - 1, 0)
        for kind in list(self._found):
            self._wrap(kind)

    def _unwrap_all(self) -> None:
        for kind in list(self._undo):
            self._unwrap(kind)

    def _unwrap(self, kind: type) -> None:
        undo = self._undo.get(kind)
        if undo is not None and undo():
            del self._undo[kind]

    def _wrap(self, kind: Any) -> None:
        """Be told of the outermost calls of this class."""
        is_out = kind in self._undo or self._ended or self._compiling
        if is_out or not CHANGES.may_change(kind, is_base=kind is self._base):
            return
        of_thread, original, own = self._of_thread, kind.__call__, "__call__" in vars(kind)

        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            is_outermost = not (of_thread.is_open or self._ended or self._is_inner())
            try:
                if is_outermost:
                    self._before(args, kwargs)
                if own:
                    return original(*args, **kwargs)
                # asked for anew: who replaces ``nn.Module.__call__`` for a while (fx) sees it
                following: Any = super(kind, args[0])
                return following.__call__(*args[1:], **kwargs)
            except BaseException as error:
                hide_own_frame(error)
                raise
            finally:
                if is_outermost:
                    self._after(args[0])

        call.of_infprof = True  # type: ignore[attr-defined]

        def undo() -> bool:
            if vars(kind).get("__call__") is not call:  # somebody else has wrapped it since
                return False
            if own:
                kind.__call__ = original
            else:
                del kind.__call__
            return True

        self._undo[kind] = undo
        kind.__call__ = call
        self._unwrap_late(kind)

    def _unwrap_late(self, kind: type) -> None:
        """Another thread may have ended it all before the wrapper was in its place."""
        if self._ended:
            self._unwrap(kind)

    def _is_inner(self) -> bool:
        """Whether another module calls, one under way already when the search began."""
        if self._base not in self._undo:
            return False
        outer: FrameType | None = sys._getframe(2)
        while outer is not None and not outer.f_code.co_filename.endswith(MODEL_FILE):
            outer = outer.f_back
        return outer is not None

    def _give_up(self, error: Exception) -> None:
        """Listen no more. What a signal handler of the program raised meanwhile is not ours."""
        if raised_by_user(error):
            raise error
        self.end()

    def _before(self, args: Any, kwargs: Any) -> None:
        since_ns = perf_counter_ns()
        self._of_thread.is_open = True
        try:
            if self._base in self._undo:
                self._unwrap(self._base)
                self._known_for += 1
                if type(args[0]) not in self._undo:
                    self._known_for = 0
                    self._found.add(type(args[0]))
                    CHANGES.learn(type(args[0]))
                    self._wrap(type(args[0]))
            inputs = (*args[1:], *kwargs.values())
            self._listener.model_called(args[0], inputs, kwargs, _caller(), since_ns)
        except Exception as error:  # ours may never fail the program
            self._give_up(error)

    def _after(self, model: Any) -> None:
        end_ns = perf_counter_ns()
        self._of_thread.is_open = False
        try:
            if self._known_for < SEARCHED_CALLS:
                self._search()
            self._listener.model_returned(model, end_ns)
        except Exception as error:  # as above
            self._give_up(error)


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
            between = _in_between[code] = is_ours(file) or file.endswith(TORCH_CALLS)
        if not between:
            return outer
        outer = outer.f_back
    return frame
