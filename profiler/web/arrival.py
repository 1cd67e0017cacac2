"""When a request reached the proxy in front of the server, from a header that the proxy sets.

``X-Request-Start`` and ``X-Queue-Start`` have no standard: nginx writes ``t=1700000000.123``
(seconds), Heroku ``1700000000123`` (milliseconds), Apache ``t=1700000000123456`` (microseconds).
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from time import time_ns

UNITS_NS = (10**9, 10**6, 10**3, 1)
"""Of seconds, milliseconds, microseconds and nanoseconds since 1970."""

EARLIEST_NS, LATEST_NS = 946_684_800 * 10**9, 4_102_444_800 * 10**9
"""2000 and 2100: read in another unit, no time between them lies between them."""

LONGEST_NS = 600 * 10**9
"""No client waits for ten minutes: such a stamp is of another clock."""


def waited_since(header: str, now_ns: int | None = None) -> int:
    """Nanoseconds from the first proxy's stamp until now; 0 where it tells none.

    The stamp is of the proxy's clock. Where that runs ahead of ours the wait seems negative, and is
    not known.
    """
    text = header.partition(",")[0].strip().removeprefix("t=")
    try:
        value = Decimal(text[:40])
    except InvalidOperation:
        return 0
    if not value.is_finite():
        return 0
    now = time_ns() if now_ns is None else now_ns
    for unit in UNITS_NS:
        if EARLIEST_NS <= value * unit <= LATEST_NS:
            wait = now - int(value * unit)
            return wait if 0 < wait <= LONGEST_NS else 0
    return 0
