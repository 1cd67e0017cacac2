"""The ``Server-Timing`` response header (W3C): what a request spent its time on, for its client.

Browsers show it in their network panel. It tells strangers about the inside of a server, so it is
only sent where it was asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from time import perf_counter_ns

from infprof.profiler.web.exchange import Exchange, current

HEADER = "Server-Timing"

MOST_ENTRIES = 20
"""Longest first; proxies refuse headers of more than 4 to 8 kB."""

MOST_LETTERS = 60

NO_TOKEN = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""Letters that RFC 9110 does not allow in a token."""

Heard = tuple[str, int, int, int]


def listen(what: str, start_ns: int, end_ns: int, thread: int) -> None:
    """A range has ended: keep it for the request that it belongs to."""
    exchange = current()
    if exchange is not None:
        exchange.hear(what, start_ns, end_ns, thread)


def header_value(exchange: Exchange) -> str:
    """Milliseconds by stage (by name, for a range without one) of the ranges that have ended, each
    without those inside it; and ``total``, from the request's arrival until now."""
    entries = own_times(exchange.heard or []).most_common(MOST_ENTRIES)
    total = perf_counter_ns() - exchange.start_ns
    return ", ".join(
        f"{token(what)};dur={ns / 1e6:.3f}" for what, ns in [*entries, ("total", total)]
    )


def token(name: str) -> str:
    """A name with what a header may not hold replaced by ``_``."""
    return NO_TOKEN.sub("_", name)[:MOST_LETTERS] or "_"


def own_times(heard: list[Heard]) -> Counter[str]:
    """Nanoseconds by what they were spent on."""
    found = Counter[str]()
    around: dict[int, list[Heard]] = {}
    for one in sorted(heard, key=lambda one: (one[1], -one[2])):
        what, start, end, thread = one
        outer = around.setdefault(thread, [])
        while outer and outer[-1][2] < end:
            outer.pop()
        if outer:
            found[outer[-1][0]] -= end - start
        found[what] += end - start
        outer.append(one)
    return +found
