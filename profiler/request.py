"""``request``: one unit of work served, from arrival to last byte.

The outermost request of a thread or task counts; one inside it is a plain range. Where no session
records, it marks NVTX and torch like ``annotate`` and is otherwise free.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from itertools import count
from time import perf_counter_ns
from types import TracebackType
from typing import TYPE_CHECKING

from infprof.profiler.annotate import annotate, begin_outward, end_outward
from infprof.profiler.marks import REQUEST, STINT, keys, this_thread

if TYPE_CHECKING:
    from infprof.profiler.phase import Phase
    from infprof.profiler.session import Session

_session: Session | None = None
_forked = False
_numbers = count(1)
_outermost: ContextVar[request | None] = ContextVar("infprof_request", default=None)


def serve(session: Session | None) -> None:
    """Count the requests of this process in ``session`` from now on; ``None`` ends it."""
    global _session
    _session = session


def serving() -> Session | None:
    """The session that counts requests now."""
    return _session


def is_open() -> bool:
    """Whether a request that the program marked is under way in this thread or task."""
    return outermost() is not None


def outermost() -> request | None:
    """The request that is under way in this thread or task."""
    outer = _outermost.get()
    # an abandoned async generator may end in another context: only ``is_open`` can be trusted
    return outer if outer is not None and outer.is_open else None


def is_worker() -> bool:
    """Whether a recorded process forked this one: it records nothing, not even for itself."""
    return _forked


def _before_fork() -> None:
    if _session is not None:
        _session.before_fork()


def _leave_child_alone() -> None:
    global _session, _forked
    if _session is not None:
        _session.abandon()
        _session, _forked = None, True


def _go_on() -> None:
    if _session is not None:
        _session.after_fork()


os.register_at_fork(before=_before_fork, after_in_parent=_go_on, after_in_child=_leave_child_alone)


class request:
    """Mark one request, as a context manager. Exceptions pass through untouched."""

    __slots__ = (
        "name", "thread", "is_open", "number", "_session", "_phase", "_range", "_outward", "_start",
    )  # fmt: skip

    is_marked = True
    """The program, or who runs it, says that this is a request. Within one of a server's that we
    found ourselves it takes that one's place."""
    gives_way = False

    def __init__(self, name: str = "request") -> None:
        self.name = name
        self.is_open = False
        self.number = 0
        """By which its stints know it (``profiler.stints``); 0 where it has none."""

    def __enter__(self) -> request:
        self._range: annotate | None = None
        outer = outermost()
        if outer is not None and not (outer.gives_way and self.is_marked):
            self._range = annotate(self.name).__enter__()
            return self
        self._session = _session
        if self._session is not None:
            self.thread = this_thread.id
            self._session.is_marked |= self.is_marked
            if outer is not None:
                self._phase = self._take_the_place_of(outer, self._session)
            else:
                self._phase = self._session.enter_request(self.thread)
            self.is_open = True
            self.enter_context()
        self._outward = begin_outward(self.name, "request")
        self._start = perf_counter_ns()
        return self

    def _take_the_place_of(self, outer: request, session: Session) -> Phase:
        outer.is_open = False  # it ends untold
        if not session.settled:
            with session.gate.lock:
                session.gate.leave(outer.thread)
                session.gate.enter(self.thread)
        return outer._phase

    def enter_context(self) -> request | None:
        """What this thread or task does from now on is for this request; returns what it was for
        before."""
        before = _outermost.get()
        _outermost.set(self)
        return before

    def leave_context(self, before: request | None = None) -> None:
        """What this thread or task does from now on is for ``before`` again, or for no request."""
        _outermost.set(before)

    @property
    def start_ns(self) -> int:
        """When it arrived."""
        return self._start

    def take_number(self) -> None:
        """It has stints from now on."""
        self.number = self.number or next(_numbers)

    def hand_over(self) -> None:
        """A call for it is given to another thread."""
        self.take_number()

    def take_back(self) -> None:
        """Such a call has ended."""

    def worked(self, start_ns: int) -> None:
        """This thread worked for it since ``start_ns``."""
        self._note("", start_ns, perf_counter_ns(), this_thread.id)

    def waited(self, what: str, start_ns: int, end_ns: int) -> None:
        """It waited for ``what``, one of ``stints.WAITS``."""
        if end_ns > start_ns:
            self._note(what, start_ns, end_ns, self.thread)

    def _note(self, what: str, start_ns: int, end_ns: int, thread: int) -> None:
        if self._session is not None:
            self._session.add_mark(keys[STINT, what], start_ns, end_ns, thread, self.number)

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        if self._range is not None:
            self._range.__exit__()
            return
        end = perf_counter_ns()
        end_outward(self._outward)
        if self._session is not None:
            self.is_open = False
            failed = error is not None and not isinstance(error, GeneratorExit)
            if self.number:  # its own thread was there for nothing else
                self._note("", self._start, end, self.thread)
            self._session.leave_request(
                keys[REQUEST, self.name], self.thread, self._phase, self._start, end, failed,
                self.number,
            )  # fmt: skip


class known_request(request):
    """A call of a library's entry point that is known to serve a request."""

    __slots__ = ()
    is_marked = False
