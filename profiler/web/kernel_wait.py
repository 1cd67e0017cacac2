"""For how long a request lay in the kernel before the server read it: its socket knows.

Linux keeps for each TCP connection when data came last. A server whose threads wait for the
interpreter, or whose event loop is blocked, reads a request long after that, and a client waits
from then on. Nothing else tells: to the server itself the request begins when it is read.
"""

from __future__ import annotations

import socket
import sys
import time
from functools import cache
from struct import unpack_from

LAST_RECEIVED = 52
"""Where ``tcpi_last_data_recv``, in ms, lies in ``struct tcp_info`` (linux/tcp.h)."""

LONGEST_NS = 600 * 10**9
"""No client waits for ten minutes: such a value is of a kernel with another layout."""

COARSE_CLOCK = 6
"""``CLOCK_MONOTONIC_COARSE`` (linux/time.h), which ticks as the kernel does."""


def waited_in_kernel(connection: object) -> int:
    """At least so many nanoseconds passed since data came last; 0 where nobody knows.

    The kernel counts in its own ticks of 1 to 10 ms, so that two stamps may be nearer to each other
    than their difference says by up to one of them.
    """
    ask = getattr(connection, "getsockopt", None)
    if ask is None or sys.platform != "linux":
        return 0
    try:
        told = ask(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_RECEIVED + 4)
        waited = int(unpack_from("=I", told, LAST_RECEIVED)[0]) * 1_000_000 - tick_ns()
    except Exception:  # a Unix socket, a closed one, somebody's own class
        return 0
    return waited if 0 < waited <= LONGEST_NS else 0


@cache
def tick_ns() -> int:
    """How long a tick of the kernel's clock lasts."""
    return round(time.clock_getres(COARSE_CLOCK) * 1e9)
