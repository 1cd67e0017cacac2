"""A stage of the host that the device does instead: a ceiling, for nobody has seen it there.

What it makes goes over the link as it goes now; the device then needs at least the time to move it
through its own memory. How long it computes, and its launches, are not known.
"""

from __future__ import annotations

import numpy as np

from infprof.profiler.device_links import DeviceLinks
from infprof.profiler.intervals import Intervals
from infprof.profiler.replay import Change


def moved_to_device(links: DeviceLinks, spans: Intervals, device_ns: int) -> Change:
    """The host without these spans, a set. The work that it launches next after each takes longer,
    by ``device_ns`` all together, each span's part as its length."""
    lengths = spans.end - spans.start
    until = np.cumsum(lengths) * device_ns // max(int(lengths.sum()), 1)
    order = np.argsort(links.launched_ns, kind="stable")
    after = np.searchsorted(links.launched_ns[order], spans.end)
    follows = after < len(order)
    times = links.end - links.start
    np.add.at(times, order[after[follows]], np.diff(until, prepend=0)[follows])
    return Change(times, spans)
