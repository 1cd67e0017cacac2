"""What limits the requests: what would shorten them if it fell away, by replay.

The stage with the most exposed time need not be it. Where the device is as busy as the host that
launches its work, neither alone is worth much; and where the two wait for each other in turns, it
is the waits.
"""

from __future__ import annotations

from dataclasses import dataclass

from infprof.profiler.intervals import length
from infprof.reports import wording
from infprof.rules.evidence import Evidence
from infprof.rules.hot_syncs import hot_syncs

LEAST_SHARE = 0.05
"""A stage with less exposed time is not asked for."""

BALANCED_SHARE = 0.25
"""If no stage's absence saves that much, nothing alone limits."""

SYNC_SHARE, COMPARABLE = 0.2, 0.5
"""Waits limit where their absence saves this share of the wall, and half as much as the absence
of the stage that is worth most: they are quicker to remove than any stage."""


@dataclass(frozen=True)
class Limit:
    """The verdict's stage, time per request, word and what a request does then."""

    stage: str
    time_ns: int
    limit: str
    activity: str


def limit_by_replay(evidence: Evidence) -> Limit | str | None:
    """The limit if it is another than the largest stage's, that stage's name if it is that one's;
    ``None`` where no replay tells."""
    replays, wall = evidence.replays, evidence.wall_ns
    if replays is None:
        return None
    exposed = {stage: evidence.exposed_ns(stage) for stage in evidence.breakdown.stages}
    asked = {stage: time for stage, time in exposed.items() if time >= LEAST_SHARE * wall}
    best, saved = replays.worth_most(asked)
    calls = hot_syncs(evidence).calls
    by_waits = replays.saved_without_waits_ns(calls)
    if by_waits >= SYNC_SHARE * wall and by_waits >= COMPARABLE * saved:
        waited = evidence.per_request(length(evidence.timeline.busy(calls)))
        text = "waiting for the GPU, which then waits for the host in turn"
        return Limit("python", waited, "sync-bound", text)
    largest = max(exposed, key=lambda stage: exposed[stage])
    if saved < BALANCED_SHARE * wall <= exposed[largest] and largest == "python":
        busy = evidence.share(evidence.per_request(evidence.device_busy_ns))
        text = "in Python and framework overhead, "
        text += f"but the GPU is at work for {wording.share(busy)} of it, so neither alone limits"
        return Limit("python", exposed[largest], "balanced", text)
    return best
