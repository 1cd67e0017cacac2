"""``annotate``: one mark that goes to NVTX, to the user's torch.profiler and to our Recording.

With no window open it costs less than a microsecond: NVTX is called only where a tool listens,
torch is asked only whether some profiler is on, and our own mark is one tuple in a list.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from time import perf_counter_ns
from types import TracebackType
from typing import Any, TypeVar

from infprof.profiler.marks import BLOCK, RANGE, keys, text_of, this_thread
from infprof.profiler.stages import DECLARABLE
from infprof.profiler.wrapping import wrap

Function = TypeVar("Function", bound=Callable[..., Any])

# The receivers are module globals, because this is the hot path of the user's program.
_marks: list[int] | None = None
_marks_full: Callable[[], None]
_torch: Any | None = None
"""``torch.autograd.profiler``, once imported; it knows whether a profiler is on."""
_torch_range: Callable[[str], Any] | None = None
_listener: Callable[[str, int, int, int], None] | None = None
_own_window = False
"""The profiler that is on is our own, which has the marks already. To mark there too would cost
time, and torch crashes over a range that is still open when a window ends (2.13)."""


def send_marks_to(marks: list[int] | None, full: Callable[[], None]) -> None:
    """Collect the process's marks in ``marks`` from now on, and call ``full`` at each ``BLOCK``.

    ``None`` ends it.
    """
    global _marks, _marks_full
    _marks, _marks_full = marks, full


def tell_ranges_to(listener: Callable[[str, int, int, int], None]) -> None:
    """Call this with each range that ends, session or not, from now on: with its stage (its name
    where it has none), start and end in ns, and native thread id."""
    global _listener
    _listener = listener


def say_own_window(is_open: bool) -> None:
    """Whether a window of ours is open: torch's profiler is on, but not for the user."""
    global _own_window
    _own_window = is_open


def _listening_nvtx_domain() -> Any | None:
    """NVTX's domain ``infprof``, or ``None`` where no tool listens.

    On Linux a tool (Nsight Systems, CUPTI) makes itself known to NVTX by this variable alone, so
    without it the package need not even be imported.
    """
    if "NVTX_INJECTION64_PATH" not in os.environ:
        return None
    try:
        import nvtx

        domain = nvtx.get_domain("infprof")
    except (ImportError, OSError, RuntimeError, AttributeError):
        return None
    return None if type(domain).__name__ == "DummyDomain" else domain


_nvtx = _listening_nvtx_domain()


def _find_torch() -> None:
    """Bind torch's own marks once the program has imported torch; never imports it itself."""
    global _torch, _torch_range
    torch: Any = sys.modules.get("torch")
    try:
        _torch_range = torch._C._profiler._RecordFunctionFast
        if hasattr(torch.autograd.profiler, "_is_profiler_enabled"):
            _torch = torch.autograd.profiler
    except AttributeError:  # torch is still being imported, or has none of this
        return


def begin_outward(name: str, stage: str | None) -> Any | None:
    """Tell NVTX, and torch's profiler if one is on; returns what ``end_outward`` needs."""
    if _nvtx is not None:
        _nvtx.push_range(message=text_of(name), category=stage)
    if _torch is None and "torch" in sys.modules:
        _find_torch()
    if _torch is None or _torch_range is None or _own_window:
        return None
    if not _torch._is_profiler_enabled:
        return None
    mark = _torch_range(f"infprof:{stage or ''}:{text_of(name)}")
    mark.__enter__()
    return mark


def end_outward(mark: Any | None) -> None:
    """End what ``begin_outward`` began."""
    if mark is not None:
        mark.__exit__(None, None, None)
    if _nvtx is not None:
        _nvtx.pop_range()


class annotate:
    """Name a stretch of host time, as a context manager or a decorator.

    ``stage`` says what it is for: one of ``io preprocess h2d compute d2h postprocess python
    queue``. Raises ``ValueError`` for another word, ``TypeError`` without a name, and nothing
    afterwards; exceptions pass through untouched. Make a new one for each ``with``: it holds one
    start.
    """

    __slots__ = ("name", "stage", "_outward", "_start")

    def __init__(self, name: str, stage: str | None = None) -> None:
        if not isinstance(name, str):
            raise TypeError('annotate needs a name, as in annotate("tokenize")')
        if stage is not None and stage not in DECLARABLE:
            words = ", ".join(sorted(DECLARABLE))
            raise ValueError(f"stage must be one of {words}; not {stage!r}")
        self.name = name
        self.stage = stage

    def __enter__(self) -> annotate:
        quiet = _nvtx is None and (
            _own_window or (_torch is not None and not _torch._is_profiler_enabled)
        )
        self._outward = None if quiet else begin_outward(self.name, self.stage)
        self._start = perf_counter_ns()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        end = perf_counter_ns()
        marks = _marks  # another thread may end the session meanwhile
        if marks is not None:
            key = keys[self.stage or "", self.name]
            marks.extend((key, self._start, end, this_thread.id, RANGE))
            if len(marks) >= BLOCK:
                _marks_full()
        if self._outward is not None or _nvtx is not None:
            end_outward(self._outward)
        if _listener is not None:
            _listener(self.stage or self.name, self._start, end, this_thread.id)

    def __call__(self, function: Function) -> Function:
        name, stage = self.name, self.stage
        return wrap(function, lambda: annotate(name, stage))
