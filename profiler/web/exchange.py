"""One HTTP request and its response, as one request of ours, on however many threads."""

from __future__ import annotations

from time import perf_counter_ns

from infprof.profiler.marks import REQUEST, keys, this_thread
from infprof.profiler.request import outermost, request, serving

METHODS = frozenset("GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY".split())
"""A request is named after its method alone: a path may hold what a recording should not."""

FAILS = 500
"""From this status on the server says itself that it failed."""


def current() -> Exchange | None:
    """The one under way in this thread or task."""
    found = outermost()
    return found if isinstance(found, Exchange) else None


class Exchange(request):
    """A request that tells its stints apart (``profiler.stints``).

    Unlike a plain one it marks neither NVTX nor torch: theirs must nest in one thread.
    """

    __slots__ = ("heard", "_resumed_ns", "_ready_ns", "_woke_ns", "_handed_over")

    def __init__(self, method: object) -> None:
        super().__init__(f"HTTP {method}" if method in METHODS else "HTTP")
        self.take_number()
        self.heard: list[tuple[str, int, int, int]] | None = None
        """For a ``Server-Timing``: the ranges so far, as (what, start_ns, end_ns, thread)."""
        self._resumed_ns: int | None = None
        self._ready_ns: int | None = None
        self._woke_ns: int | None = None
        """When the thread that begins it turned to it."""
        self._handed_over = 0

    def begin(self, in_front_ns: int = 0, in_loop_ns: int = 0, at_it_ns: int = 0) -> None:
        """It has waited ``in_front_ns`` before the server and then for the event loop; and then its
        thread has been at it ``at_it_ns`` already, until it had read the request."""
        self._session, self.thread = serving(), this_thread.id
        if self._session is not None:
            self._session.is_marked |= self.is_marked
            self._phase = self._session.enter_request(self.thread)
        self.is_open = True
        self.enter_context()
        self._woke_ns = perf_counter_ns() - at_it_ns
        arrived = self._woke_ns - in_loop_ns
        self._start = arrived - in_front_ns
        self.waited("before the server", self._start, arrived)
        self.waited("event loop", arrived, self._woke_ns)

    def came(self, ago_ns: int) -> None:
        """It reached who stands before the server so long ago, as is known only now."""
        arrived = perf_counter_ns() - ago_ns
        if ago_ns and arrived < self._start:
            self.waited("before the server", arrived, self._start)
            self._start = arrived

    def end(self, failed: bool) -> None:
        """The last byte has gone, or never will. Only the first call counts."""
        if not self.is_open:
            return
        self.pause()
        self.is_open = False
        self.leave_context()
        if self._session is not None:
            end, key = perf_counter_ns(), keys[REQUEST, self.name]
            self._session.leave_request(
                key, self.thread, self._phase, self._start, end, failed, self.number
            )

    def resume(self) -> bool:
        """The thread that carries it goes on with it; false where it already was at it."""
        if not self.is_open or self._resumed_ns is not None:
            return False
        now, woke, ready = perf_counter_ns(), self._woke_ns, self._ready_ns
        self._resumed_ns = now if woke is None else woke
        self._woke_ns = self._ready_ns = None
        if ready is not None:
            self.waited("event loop", ready, now)
        return True

    def pause(self) -> None:
        """It waits from now on."""
        resumed, self._resumed_ns = self._resumed_ns, None
        if resumed is not None:
            self.worked(resumed)

    def waited(self, what: str, start_ns: int, end_ns: int) -> None:
        """It waited for ``what``, one of ``stints.WAITS``."""
        super().waited(what, start_ns, end_ns)
        if end_ns > start_ns:
            self.hear("queue", start_ns, end_ns, self.thread)

    def hear(self, what: str, start_ns: int, end_ns: int, thread: int) -> None:
        """Keep a range for a ``Server-Timing``, if one is wanted."""
        if self.heard is not None:
            self.heard.append((what, start_ns, end_ns, thread))

    def hand_over(self) -> None:
        """A call for it was given to another thread."""
        self._handed_over += 1

    def take_back(self) -> None:
        """Such a call has ended. After the last, a request that waits waits for its loop.

        Two threads may end at once: the count is then off by one, and a wait goes untold.
        """
        self._handed_over -= 1
        if not self._handed_over and self._resumed_ns is None:
            self._ready_ns = perf_counter_ns()


class FoundExchange(Exchange):
    """One that nobody marked. It gives way to a request that the program marks within it."""

    __slots__ = ()
    is_marked, gives_way = False, True
