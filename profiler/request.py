"""``request``: one unit of work served, from arrival to last byte.

The outermost request of a thread or task counts; one inside it is a plain range. Where no session
records, it marks NVTX and torch like ``annotate`` and is otherwise free.
"""

from __future__ import annotations

from contextvars import ContextVar
from time import perf_counter_ns
from types import TracebackType
from typing import TYPE_CHECKING

from infprof.profiler.annotate import begin_outward, end_outward

if TYPE_CHECKING:
    from infprof.profiler.session import Session

_session: Session | None = None
_inside: ContextVar[bool] = ContextVar("infprof_inside_request", default=False)


def serve(session: Session | None) -> None:
    """Count the requests of this process in ``session`` from now on; ``None`` ends it."""
    global _session
    _session = session


def serving() -> Session | None:
    """The session that counts requests now."""
    return _session


class request:
    """Mark one request, as a context manager. Exceptions pass through untouched."""

    __slots__ = ("name", "_counted", "_phase", "_outward", "_start")

    def __init__(self, name: str = "request") -> None:
        self.name = name

    def __enter__(self) -> request:
        self._counted = None if _inside.get() else _session
        if self._counted is not None:
            self._phase = self._counted.enter_request()
            _inside.set(True)
        self._outward = begin_outward(self.name, "request" if self._counted else None)
        self._start = perf_counter_ns()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        session = self._counted
        if session is not None:
            _inside.set(False)
            failed = error is not None and not isinstance(error, GeneratorExit)
            session.leave_request(self.name, self._phase, self._start, failed)
        end_outward(self._outward)
