"""Exact spans of well-known libraries: their entry points, wrapped while the program runs.

Which ones is data (``entry_points.json``). Nothing is wrapped of a library that the program does
not import, nor imported for it, and each wrapper is taken away at the end. What takes less than
``LEAST_NS`` is not noted, and an entry called too often for that is left alone: samples see it.
"""

from __future__ import annotations

import functools
import inspect
import json
import sys
import threading
from collections.abc import Callable
from importlib.resources import files
from time import perf_counter_ns
from types import CodeType
from typing import Any

from infprof.profiler import request
from infprof.profiler.call_tree import is_user, name_of
from infprof.profiler.compilers import is_imported
from infprof.profiler.marks import RANGE, keys, this_thread
from infprof.profiler.web.wrappers import WRAPPERS
from infprof.profiler.wrapping import hide_own_frame, wrap

LEAST_NS = 50_000
"""Shorter calls are left to the samples; a mark costs 1 us, so this is within 2 % of the call."""

MANY_CALLS, MEAN_NS = 2_000, 20_000
"""An entry that was called so often and took less in the mean is not worth its wrapper."""

AddMark = Callable[[int, int, int, int, int], None]


class _Inside(threading.local):
    entry = False
    """Within an entry point already: the outermost one counts."""


class EntryPoints:
    """Wraps what is imported at each ``wrap_imported``, until ``end``."""

    def __init__(self, add_mark: AddMark, extra: dict[str, dict[str, str]]) -> None:
        """``extra`` adds entries to the table: module, then attribute, then stage."""
        text = files("infprof.profiler").joinpath("entry_points.json").read_text("utf-8")
        self._waiting: dict[str, dict[str, str]] = {**json.loads(text)}
        for module, attributes in extra.items():
            self._waiting[module] = {**self._waiting.get(module, {}), **attributes}
        self._add_mark = add_mark
        self._inside = _Inside()
        self._undo: list[Callable[[], None]] = []
        self._extra = extra

    @property
    def is_asked_for(self) -> bool:
        """Whether an entry that the user named is not found yet."""
        return bool(self._extra.keys() & self._waiting.keys())

    def wrap_imported(self) -> None:
        """Wrap the entry points of libraries that were imported since."""
        for name in [name for name in self._waiting if is_imported(sys.modules.get(name))]:
            left = {
                path: stage
                for path, stage in self._waiting[name].items()
                if not self._wrap(sys.modules[name], path, stage)
            }
            if name == "__main__" and left:  # its functions come into being as it runs
                self._waiting[name] = left
            else:
                del self._waiting[name]

    def end(self) -> None:
        """Put every original back that nobody else has replaced since."""
        for undo in self._undo:
            undo()
        self._undo.clear()

    def _is_extra(self, module: Any, path: str) -> bool:
        return path in self._extra.get(module.__name__, {})

    def _wrap(self, module: Any, path: str, stage: str) -> bool:
        """Whether ``path`` could be found in ``module``."""
        *owners, attribute = path.split(".")
        owner = functools.reduce(lambda one, name: getattr(one, name, None), owners, module)
        original = getattr(owner, attribute, None)
        if not callable(original):
            return False
        entry = f"{module.__name__}.{attribute}"
        try:
            if stage == "request":
                marked = request.request if self._is_extra(module, path) else request.known_request
                wrapped = wrap(original, lambda: marked(entry))
            elif stage in WRAPPERS:
                wrapped = WRAPPERS[stage](original)
            else:
                wrapped = self._timed(original, entry, stage)
                if inspect.ismodule(owner) and not inspect.isfunction(original):
                    wrapped = _Unbound(wrapped)
            self._replace(owner, attribute, wrapped)
        except (TypeError, AttributeError):  # a type written in C takes no attributes
            return True
        return True

    def _replace(self, owner: Any, attribute: str, wrapped: Any) -> None:
        own = vars(owner).get(attribute)
        if isinstance(own, (staticmethod, classmethod)):
            raise TypeError("not a plain function")
        setattr(owner, attribute, wrapped)

        def undo() -> None:
            if vars(owner).get(attribute) is not wrapped:
                return
            if own is None:
                delattr(owner, attribute)  # it was inherited
            else:
                setattr(owner, attribute, own)

        self._undo.append(undo)

    def _timed(self, original: Callable[..., Any], entry: str, stage: str) -> Callable[..., Any]:
        inside, places = self._inside, dict[tuple[CodeType, int], str]()
        count = total = 0

        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            if inside.entry:
                return original(*args, **kwargs)
            inside.entry = True
            start = perf_counter_ns()
            try:
                return original(*args, **kwargs)
            except BaseException as error:
                hide_own_frame(error)
                raise
            finally:
                end = perf_counter_ns()
                inside.entry = False
                nonlocal count, total
                count, total = count + 1, total + end - start
                if end - start >= LEAST_NS:
                    key = keys[stage, f"{entry} in {_place(places)}"]
                    self._add_mark(key, start, end, this_thread.id, RANGE)
                elif count == MANY_CALLS and total < MANY_CALLS * MEAN_NS:
                    self._leave_alone(call)

        return call

    def _leave_alone(self, wrapped: Any) -> None:
        for undo in self._undo:
            cells = [cell.cell_contents for cell in undo.__closure__ or ()]
            if any(getattr(cell, "call", cell) is wrapped for cell in cells):
                undo()


class _Unbound:
    """Like a function of C, and unlike one of Python, it makes no method where a class has it."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call
        functools.update_wrapper(self, call)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.call(*args, **kwargs)
        except BaseException as error:
            hide_own_frame(error)
            raise


def _place(known: dict[tuple[CodeType, int], str]) -> str:
    """The user's innermost function that called, ``load (serve.py:12)``."""
    frame = sys._getframe(2)
    key = frame.f_code, frame.f_lineno
    place = known.get(key) if is_user(frame.f_code.co_filename) else None
    if place is not None:
        return place
    outer: Any = frame
    while outer is not None and not is_user(outer.f_code.co_filename):
        outer = outer.f_back
    if outer is None:
        return "library code"
    code = outer.f_code
    file = code.co_filename.rpartition("/")[2]
    text = f"{name_of(code)} ({file}:{outer.f_lineno})"
    if outer is frame:
        known[key] = text
    return text
