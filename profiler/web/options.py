"""What both middlewares can be asked to do besides counting requests."""

from __future__ import annotations

from collections.abc import Callable

from infprof.profiler import annotate
from infprof.profiler.web.server_timing import listen

Header = Callable[[str], str | None]
"""Value of a request's header by its name; ``None`` where it has none."""


class Options:
    """Raises ``TypeError`` for a header's name that is no text."""

    def __init__(
        self,
        server_timing: bool = False,
        server_timing_header: str | None = None,
        queue_header: str | None = None,
    ) -> None:
        """``server_timing``: each response gets a ``Server-Timing`` header, and with
        ``server_timing_header`` each to a request that has a header of that name.
        ``queue_header``: the header in which the proxy in front says when the request reached it;
        a request then begins there, and the time since is stage ``queue``.
        """
        for name in (server_timing_header, queue_header):
            if name is not None and not isinstance(name, str):
                raise TypeError(f"a header's name is a text, not {name!r}")
        self._always, self._asked_by, self._queue_header = (
            server_timing,
            server_timing_header,
            queue_header,
        )
        self.may_tell = bool(server_timing or server_timing_header)
        """Whether any response may get a ``Server-Timing``."""
        if self.may_tell:
            annotate.tell_ranges_to(listen)

    def tells(self, header: Header) -> bool:
        """Whether the response to this request gets one."""
        return self._always or (self._asked_by is not None and header(self._asked_by) is not None)

    def arrival(self, header: Header) -> str:
        """What the proxy said of when it got this request."""
        return (self._queue_header and header(self._queue_header)) or ""
