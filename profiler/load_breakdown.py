"""The mean request of a load test, divided as far as its clients can tell.

From the first token on it is decode, if the answer is streamed. What lies before is queue, prefill
and network, which no client can tell apart: it stays unattributed, unless the tool asked the server
(Triton's do). Without the time of whole requests nothing is divided: first token plus tokens times
TPOT misses it by a tenth where answers differ in length.
"""

from __future__ import annotations

from infprof.profiler.breakdown import Breakdown
from infprof.profiler.loads.load import Load
from infprof.profiler.served_breakdown import by_served
from infprof.profiler.serving.served import Served, Times


def by_load(load: Load) -> Breakdown:
    """Empty where the mean of whole requests is not told."""
    means = {
        phase: Times(count=one.count or 0, mean_ns=one.mean_ns)
        for phase, one in load.times.items()
        if one.mean_ns is not None
    }
    if load.first_token_ns is None:
        means.pop("first_token", None)
    return by_served(Served(engine=load.tool, times=means))
