"""Requests that are not served at all: an answer that is there already costs next to nothing."""

from __future__ import annotations

import numpy as np

from infprof.profiler.device_waits import DeviceWaits
from infprof.profiler.fusing import gaps_before
from infprof.profiler.intervals import Intervals, holds
from infprof.profiler.replay import Change


def skipped(waits: DeviceWaits, requests: Intervals) -> Change:
    """Nothing happens within ``requests``, a set: no host time, no device work, no waits."""
    links, events = waits.links, waits.links.timeline.events
    gone = holds(requests, links.launched_ns)
    lag = np.maximum(links.start - links.launched_ns, gaps_before(links))  # it must not wait either
    times = np.where(gone, -lag, links.end - links.start)
    mine = waits.may_wait[holds(requests, events.start_ns[waits.may_wait])]
    return Change(times, requests, frozenset(mine.tolist()))
