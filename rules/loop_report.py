"""How findings about host code give its places and its time."""

from __future__ import annotations

from infprof.rules.call_masks import Mask
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Where
from infprof.rules.host_code import place_text, sampled_ns
from infprof.rules.host_time import LOCAL_HOST_LEAVES
from infprof.rules.interpreted import Loop

VECTORISED_SPEEDUP = 50
"""What array operations gain at least over a loop of the interpreter: 700 were measured on an
image, and calls on small arrays gain less (CATALOGUE IP-PRE-002)."""

MOST_PLACES = 5
"""As many as other findings list."""


def loop_places(evidence: Evidence, found: list[Loop]) -> tuple[Where, ...]:
    """The functions that loop, each at its hottest line."""
    return tuple(
        Where(place_text(loop.place), None, sampled_ns(evidence, loop.samples), "a Python loop")
        for loop in found[:MOST_PLACES]
    )


def vectorised(time_ns: int) -> int:
    """At most what array operations would save of a loop's time."""
    return time_ns - time_ns // VECTORISED_SPEEDUP


def exposed_ns(evidence: Evidence, mask: Mask) -> int:
    """Time of these samples per request, as far as a device's work does not hide it."""
    time_ns = sampled_ns(evidence, mask)
    if evidence.device_use != "used":
        return time_ns
    return min(time_ns, evidence.exposed_ns(*LOCAL_HOST_LEAVES, "python.dispatch", "compute.cpu"))
