"""The mean request of a serving engine, divided as the engine's own metrics divide it.

Nothing of it was seen as an event: each part is a mean of many requests, laid one after the other.
What no metric explains stays unattributed.
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.profiler.breakdown import UNATTRIBUTED, Breakdown, RequestBreakdown, Share
from infprof.profiler.intervals import intervals
from infprof.profiler.serving.served import Served
from infprof.profiler.timeline import Request

PARTS = (
    ("queue", "queue.the engine"),
    ("prefill", "compute.prefill"),
    ("decode", "compute.decode"),
    ("input", "preprocess.input of the model"),
    ("compute", "compute.model"),
    ("output", "postprocess.output of the model"),
)
"""Phases that make up a request, and the leaf of each."""


def by_served(served: Served) -> Breakdown:
    """Empty where the engine has not said how long a request takes."""
    whole = served.times.get("request")
    if whole is None or whole.mean_ns <= 0:
        return Breakdown("sampled", ())
    leaves, at = dict[str, Share](), 0
    for leaf, time in (*_parts(served), (UNATTRIBUTED, whole.mean_ns)):
        end = min(at + time, whole.mean_ns)
        spans = intervals([at], [end])
        leaves[leaf] = Share(end - at, end - at, spans)
        at = end
    request = Request(0, whole.mean_ns, None)
    return Breakdown("sampled", (RequestBreakdown(request, leaves),))


def _parts(served: Served) -> Iterator[tuple[str, int]]:
    """What is known of a request's time, each part with its mean."""
    times = served.times
    known = {phase: times[phase].mean_ns for phase, _ in PARTS if phase in times}
    first, request = times.get("first_token"), times["request"].mean_ns
    if first is not None:
        if "queue" not in known:
            known |= _waiting(served, first.mean_ns)
        elif "prefill" not in known:
            known["prefill"] = max(first.mean_ns - known["queue"], 0)
        known.setdefault("decode", max(request - first.mean_ns, 0))
    yield from ((leaf, known[phase]) for phase, leaf in PARTS if phase in known)


def _waiting(served: Served, first_token_ns: int) -> dict[str, int]:
    """The time in the queue by Little's law: of the time in the system the part that waiting
    requests are of all there. It is no longer than the time to the first token."""
    waiting, running = (sum(served.gauges.get(one, [])) for one in ("waiting", "running"))
    if not waiting + running:
        return {}
    queued = round(served.times["request"].mean_ns * waiting / (waiting + running))
    queue = min(queued, first_token_ns)
    return {"queue": queue, "prefill": first_token_ns - queue}
