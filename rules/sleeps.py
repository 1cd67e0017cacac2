"""The sleeps of requests: recorded ranges by place, and the samples that no range accounts for."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.names import short_name
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence
from infprof.rules.host_code import Mask
from infprof.rules.spans_of_samples import samples_within

SLEEPS = re.compile(r"^(time\.sleep\b|<built-in function sleep>)")
"""Ranges around ``time.sleep``, and how torch's tracer names the function."""

LOOK_SHARE = 0.2
"""A loop that polls looks for a moment between two sleeps; one that does more than this part of its
sleep between them paces real work."""

POLLS_PER_WAIT = 1.5
"""From here on at least half of the waits took more than one sleep (if none took more than two)."""


class Sleep(NamedTuple):
    """All recorded sleeps of one name."""

    rows: Rows
    waits: int
    """Runs of sleeps with nothing but a look between them."""
    interval_ns: int
    """Mean length of one sleep."""

    @property
    def polls(self) -> bool:
        """Whether it sleeps again and again for one thing."""
        return len(self.rows) >= POLLS_PER_WAIT * self.waits


def is_sleep(name: str, stage: str | None) -> bool:
    """Whether a range or frame of this name is a sleep."""
    return bool(SLEEPS.search(name))


def by_place(evidence: Evidence, rows: Rows) -> list[Sleep]:
    """The sleeps by name, which says the function and line that sleeps."""
    indices = evidence.timeline.events.name[rows]
    return [_sleep(evidence, rows[indices == index]) for index in np.unique(indices)]


def _sleep(evidence: Evidence, rows: Rows) -> Sleep:
    lanes = evidence.timeline.events.lane[rows]
    waits = sum(_waits(evidence, rows[lanes == lane]) for lane in np.unique(lanes))
    return Sleep(rows, waits, int(evidence.timeline.durations(rows).mean()))


def _waits(evidence: Evidence, rows: Rows) -> int:
    """Runs of sleeps on one thread; a new request begins a new one."""
    events, requests = (
        evidence.timeline.events,
        [one.request for one in evidence.breakdown.requests],
    )
    lane = int(events.lane[rows[0]])
    own = [one.start_ns for one in requests if one.lane == lane]
    starts = np.sort(np.array(own or [one.start_ns for one in requests], np.int64))
    request = np.searchsorted(starts, events.start_ns[rows], side="right")
    between = events.start_ns[rows[1:]] - events.end_ns[rows[:-1]]
    worked = between > LOOK_SHARE * evidence.timeline.durations(rows[:-1])
    return 1 + int((worked | (np.diff(request) > 0)).sum())


def exposed_sleep_ns(evidence: Evidence, rows: Rows) -> int:
    """How much of these sleeps nothing hid, per request.

    A helper thread's counts only while the request's own thread waits on a lock or is in no known
    code: if that one sleeps or works itself, then it is not the helper that holds the request up.
    """
    serving = {one.request.lane for one in evidence.breakdown.requests}
    own = np.isin(evidence.timeline.events.lane[rows], [one for one in serving if one is not None])
    if None in serving:
        own[:] = True
    return evidence.exposed_part_ns(rows[own], "python", "unattributed") + (
        evidence.exposed_part_ns(rows[~own], *waited_for_as(evidence, rows[~own]))
    )


def waited_for_as(evidence: Evidence, rows: Rows) -> tuple[str, ...]:
    """The leaves as which a request waits for these sleeps of helper threads."""
    names = {f"python.{short_name(evidence.timeline.name(row))}" for row in rows}
    return "python.lock_wait", "queue", "unattributed", *sorted(names)


def unrecorded(evidence: Evidence, sleeping: Mask) -> Mask:
    """The sleeping samples that no recorded sleep accounts for, by time or by the line of code."""
    timeline, samples = evidence.timeline, evidence.timeline.samples
    rows = timeline.by_kind[Kind.RANGE]
    rows = rows[timeline.label(rows, lambda name: "sleep" if SLEEPS.search(name) else "") != ""]
    rest = sleeping & ~samples_within(evidence, rows)
    names = {timeline.name(row) for row in rows}
    known = [
        call
        for call in np.unique(samples.user_call[rest]).tolist()
        if call >= 0 and any(name.endswith(_line(evidence, call)) for name in names)
    ]
    rest &= ~np.isin(samples.user_call, known)
    return rest


def _line(evidence: Evidence, call: int) -> str:
    """``(serve.py:30)``, as the name of a recorded entry point ends."""
    place = evidence.timeline.samples.stacks.calls.place(call)
    return f"({PurePosixPath(place.file).name}:{place.line})"
