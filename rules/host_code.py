"""Host time by the code that was found on the stack: how much, and in which lines of the user's.

A *mask* chooses samples (``evidence.timeline.samples``); its time is its share of all samples that
caught a request, so it is good to a few per cent where there are hundreds of them.
"""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import Intervals, holds
from infprof.profiler.stacks import Place
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Unknown, Where

Mask = npt.NDArray[np.bool_]

ENOUGH_SAMPLES = 30
"""With fewer, a share of 20 % is uncertain by 7 points and more (binomial, one sigma)."""


def samples_of(
    evidence: Evidence, *, stages: tuple[str, ...] = (), leaves: tuple[str, ...] = ()
) -> Mask:
    """The samples that caught a request in any of these stages or leaves; without either, all."""
    samples = evidence.timeline.samples
    chosen: Mask = samples.of_requests.copy()
    if stages or leaves:
        wanted = np.isin(samples.stage, stages) | np.isin(samples.leaf, leaves)
        chosen = chosen & wanted
    return chosen


def during(evidence: Evidence, spans: Intervals) -> Mask:
    """The samples taken within these spans, a set, on any thread that served a request."""
    samples = evidence.timeline.samples
    chosen: Mask = samples.of_requests & holds(spans, samples.time_ns)
    return chosen


def require_samples(evidence: Evidence) -> None:
    """Raise ``Unknown`` where too few samples caught a request for a share to mean anything."""
    count = int(evidence.timeline.samples.of_requests.sum())
    if count < ENOUGH_SAMPLES:
        raise Unknown(f"only {count} samples caught a request, too few to share out its time")


def sampled_ns(evidence: Evidence, mask: Mask) -> int:
    """Time of the chosen samples per request."""
    caught = evidence.timeline.samples.of_requests
    total = int(caught.sum())
    return evidence.wall_ns * int((mask & caught).sum()) // total if total else 0


def places(evidence: Evidence, mask: Mask, most: int = 5) -> tuple[Where, ...]:
    """The user's functions that the chosen samples were in, longest first, each with its hottest
    line: ``resize (serve.py:42)``."""
    samples = evidence.timeline.samples
    calls = Counter(samples.user_call[mask & samples.of_requests].tolist())
    lines = dict[tuple[str, str], Counter[int]]()
    for call, count in calls.items():
        if call >= 0:
            place = samples.stacks.calls.place(call)
            key = (place.file, place.function)
            lines.setdefault(key, Counter())[place.line] += count
    total = max(int(samples.of_requests.sum()), 1)
    found = [
        (sum(counts.values()), Place(file, function, max(counts, key=lambda n: (counts[n], -n))))
        for (file, function), counts in lines.items()
    ]
    found.sort(key=lambda one: (-one[0], one[1]))
    return tuple(
        Where(place_text(place), None, evidence.wall_ns * count // total, _share(count, total))
        for count, place in found[:most]
    )


def place_text(place: Place) -> str:
    """``resize (serve.py:42)``."""
    return f"{place.function} ({PurePosixPath(place.file).name}:{place.line})"


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.0f} % of the samples"
