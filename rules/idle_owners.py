"""Moments at which a request waits, and the thread that runs the model for it waits too.

A thread that owns the model takes requests from a queue. While it sits in ``queue.get`` it has
nothing to do, or holds what it has and waits for more. A request that waits for it at that moment,
with nobody else at work, was not given to it a moment ago: handing over takes microseconds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from infprof.profiler.stacks import Calls
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence
from infprof.rules.host_code import Mask, place_text
from infprof.rules.meanwhile import others_meanwhile

GET = ("get", "Queue.get")


@dataclass(frozen=True, slots=True)
class Moments:
    """Samples of requests that wait, and those of the owner at the same look."""

    waiting: Mask
    of_owner: Rows


def idle_moments(evidence: Evidence) -> Moments:
    """Those at which a request waits on a lock, a thread that runs models sits in ``queue.get``,
    and no thread does anything else that a request could wait for."""
    samples = evidence.timeline.samples
    waits = samples.of_requests & (samples.leaf == "python.lock_wait")
    first, second = others_meanwhile(evidence, waits)
    serves = np.isin(samples.lane, evidence.recording.serving_lanes())
    in_get = _in_get(samples.stacks.calls)[samples.stacks.call]
    idle = in_get | (samples.stage == "queue") | serves
    owner = in_get & np.isin(samples.lane, _owners(evidence)) & ~serves
    held_up = np.bincount(first[~idle[second]], minlength=len(samples)) > 0
    with_owner = np.bincount(first[owner[second]], minlength=len(samples)) > 0
    found = waits & with_owner & ~held_up
    return Moments(found, second[owner[second] & found[first]])


def owner_place(evidence: Evidence, rows: Rows) -> str:
    """Where in the user's code the owner sat most, ``collect (batch.py:12)``."""
    samples = evidence.timeline.samples
    calls = Counter(call for call in samples.user_call[rows].tolist() if call >= 0)
    return "".join(place_text(samples.stacks.calls.place(call)) for call, _ in calls.most_common(1))


def _owners(evidence: Evidence) -> Rows:
    """Threads on which models were called, as spans or samples tell."""
    timeline = evidence.timeline
    in_model = timeline.samples.leaf == "compute.model"
    return np.union1d(
        timeline.events.lane[timeline.model_spans], timeline.samples.lane[in_model]
    ).astype(np.int64)


def _in_get(calls: Calls) -> Mask:
    """For each call whether it is in ``queue.Queue.get``; the last is for none, -1."""
    found = np.zeros(len(calls) + 1, bool)
    for call in range(len(calls)):  # parents precede their children
        place = calls.place(call)
        is_get = place.function in GET and place.file.rpartition("/")[2] == "queue.py"
        found[call] = is_get or found[calls.parent[call]]
    return found
