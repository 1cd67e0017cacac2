"""The columns of a replay (``replay_steps``) for a request that several threads worked for.

Each thread has a clock and a delay of its own. That a help begins, and that the request's thread
goes on after it, are waits too, for a moment of another thread instead of the device.
"""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from infprof.profiler.device_links import NEVER
from infprof.profiler.device_waits import ALL, DeviceWaits
from infprof.profiler.hand_offs import HandOffs, Help
from infprof.profiler.intervals import Int64Array
from infprof.profiler.replay_steps import (
    NONE,
    ONE_BY_ONE,
    After,
    HostSteps,
    Moment,
    Steps,
    Waits,
    device_waits,
    device_work,
    in_order,
    launched_in,
    waits_in,
)
from infprof.profiler.timeline import Request, Rows


class Is(IntEnum):
    """What a step is, in the order in which those of one thread and time come."""

    WAIT = 0
    """For the device."""
    JOIN = 1
    """For helps."""
    END = 2
    """Of a help."""
    BEGIN = 3
    """Of a help, which waits for what it was given."""
    OTHER = 4
    """A launch, or the giving of a help."""
    LAST = 5
    """The request's end."""


class Step(NamedTuple):
    """A step of a thread, at a recorded time, ns."""

    lane: int
    at: int
    what: Is
    until: int
    """Up to where the thread works before it."""
    number: int = 0
    """Which one of its sort."""


class _Threads:
    """The steps of all of a request's threads, one thread after the other, its own first."""

    def __init__(self, own: int, steps: list[Step]) -> None:
        self.steps = sorted(steps, key=lambda one: (one.lane != own, *one))
        self.place = {step: place for place, step in enumerate(self.steps)}
        waits = [one for one in self.steps if one.what in (Is.WAIT, Is.JOIN, Is.BEGIN)]
        self.waits = sorted(waits, key=lambda one: (one.at, one.what, one.lane, one.number))
        counted = {step: count for count, step in enumerate(self.waits, 1)}
        latest = {own: 0}
        self.delayed_by = dict[Step, int]()
        """The last wait of its thread before each step, counted from 1. Before the first help of a
        thread there is none: that counts one more than there are waits."""
        for step in self.steps:
            self.delayed_by[step] = latest.get(step.lane, len(waits) + 1)
            if step in counted:
                latest[step.lane] = counted[step]

    def moment(self, step: Step, lag: int = 0) -> Moment:
        """When a replay comes to a step, and so much later."""
        return Moment(self.delayed_by[step], self.place[step], lag)

    def host(self, start: int) -> HostSteps:
        """When each step was, and whose."""
        at = np.array([one.at for one in self.steps], np.int64)
        until = np.array([one.until for one in self.steps], np.int64)
        lane = np.array([one.lane for one in self.steps], np.int64)
        begins = np.concatenate([[True], lane[1:] != lane[:-1]])
        seen = np.where(begins, at, np.concatenate([[0], at[:-1]]))
        seen[0] = start
        return HostSteps(seen, until, lane)


def steps_with(waits: DeviceWaits, request: Request, hands: HandOffs) -> Steps:
    """What a replay goes through where ``hands`` has helps."""
    assert hands.lane is not None
    links, events = waits.links, waits.links.timeline.events
    mine = launched_in(links, request)
    calls, first = np.unique(links.launch[mine], return_index=True)
    began = links.launched_ns[mine][first]
    launches = _launches(hands, events.lane[calls], began)
    rows = _waits(waits, request, hands)
    device = _of_device(waits, rows)
    last = Step(hands.lane, request.end_ns, Is.LAST, request.end_ns)
    threads = _Threads(hands.lane, [*device, *filter(None, launches), *_of_helps(hands), last])

    step, before = np.full((2, len(calls)), NONE)
    for number, launch in enumerate(launches):
        if launch is not None:
            step[number], before[number] = threads.place[launch], threads.delayed_by[launch]
    by_launch = np.searchsorted(calls, links.launch[mine])
    work = device_work(links, mine, step[by_launch], before[by_launch], began[by_launch])
    columns = _columns(waits, rows, threads)
    of_device = _last_launched(waits, rows, mine)
    after = {
        number: After(tuple(_awaited(threads, hands, one)), tuple(of_device.get(one, ())))
        for number, one in enumerate(threads.waits)
        if columns.stream[number] == ONE_BY_ONE
    }
    ends = np.concatenate([[request.start_ns], columns.end, [NEVER, NEVER]])
    steps = Steps(threads.host(request.start_ns), work, columns, after, threads.moment(last))
    return in_order(links, steps, ends[work.waits_before])


def _launches(
    hands: HandOffs, lanes: Int64Array | np.ndarray[tuple[int], np.dtype[np.int32]], at: Int64Array
) -> list[Step | None]:
    """The step of each call that launched work; ``None``: not known to be for the request."""
    pairs = zip(lanes.tolist(), at.tolist(), strict=True)
    return [
        Step(lane, time, Is.OTHER, time, number) if hands.covers(lane, time) else None
        for number, (lane, time) in enumerate(pairs)
    ]


def _waits(waits: DeviceWaits, request: Request, hands: HandOffs) -> Rows:
    """Calls of all its threads that may wait for the device, in order of their ends."""
    events, rows = waits.links.timeline.events, waits_in(waits, replace(request, lane=None))
    ends = zip(events.lane[rows].tolist(), events.end_ns[rows].tolist(), strict=True)
    return rows[[hands.covers(*one) for one in ends]]


def _of_device(waits: DeviceWaits, rows: Rows) -> list[Step]:
    events = waits.links.timeline.events
    columns = (column[rows].tolist() for column in (events.lane, events.end_ns, events.start_ns))
    return [
        Step(lane, end, Is.WAIT, start, number)
        for number, (lane, end, start) in enumerate(zip(*columns, strict=True))
    ]


def _last_launched(waits: DeviceWaits, rows: Rows, mine: Int64Array) -> dict[Step, list[int]]:
    """The last piece of work on each stream that a synchronisation waits for: other threads may
    launch more meanwhile, and it does not wait for that."""
    links, found = waits.links, dict[Step, list[int]]()
    launched, lanes, streams = links.launched_ns[mine], links.lane[mine], waits.streams_of(rows)
    for step in _of_device(waits, rows):
        stream = streams[step.number]
        before = (launched < step.until) & ((lanes == stream) | (stream == ALL))
        on = lanes[before]
        found[step] = [int(mine[before][on == one][-1]) for one in np.unique(on)]
    return found


def _begin(number: int, help: Help) -> Step:
    return Step(help.lane, help.start_ns, Is.BEGIN, NEVER, number)


def _end(number: int, help: Help) -> Step:
    return Step(help.lane, help.end_ns, Is.END, help.end_ns, number)


def _given(hands: HandOffs, number: int, help: Help) -> Step:
    assert hands.lane is not None
    return Step(hands.lane, help.given_ns, Is.OTHER, help.given_ns, -1 - number)


def _join(hands: HandOffs, number: int) -> Step:
    assert hands.lane is not None
    wait = hands.waits[number]
    return Step(hands.lane, wait.end_ns, Is.JOIN, wait.start_ns, number)


def _of_helps(hands: HandOffs) -> list[Step]:
    helps = list(enumerate(hands.helps))
    return [
        *(_begin(*one) for one in helps), *(_end(*one) for one in helps),
        *(_given(hands, *one) for one in helps),
        *(_join(hands, number) for number in range(len(hands.waits))),
    ]  # fmt: skip


def _columns(waits: DeviceWaits, rows: Rows, threads: _Threads) -> Waits:
    """The waits of all threads in their order. One that is not for the device takes no time."""
    device = device_waits(waits, rows, np.zeros(len(rows), np.int64))
    others = Waits(*(np.array([one], np.int64) for one in (NONE, *[0] * 4, NONE, *[0] * 3)))
    table = Waits(*(np.concatenate(pair) for pair in zip(device, others, strict=True)))
    found = threads.waits
    columns = Waits(
        *(
            column[[one.number if one.what == Is.WAIT else len(rows) for one in found]]
            for column in table
        )
    )
    return columns._replace(
        step=np.array([threads.place[one] for one in found], np.int64),
        stream=np.where(columns.awaited == NONE, ONE_BY_ONE, columns.stream),
        before=np.array([threads.delayed_by[one] for one in found], np.int64),
        end=np.array([one.at for one in found], np.int64),
    )


def _awaited(threads: _Threads, hands: HandOffs, step: Step) -> list[Moment]:
    """What of threads a step waits for."""
    helps = hands.helps
    if step.what == Is.WAIT:
        return []
    if step.what == Is.JOIN:
        ends = [_end(one, helps[one]) for one in hands.waits[step.number].helps]
        return [threads.moment(one) for one in ends]
    help = helps[step.number]
    given = _given(hands, step.number, help)
    bound = hands.held_up_by(help)
    if bound is None:
        return [threads.moment(given, help.start_ns - help.given_ns)]
    late = help.start_ns - helps[bound].end_ns
    return [threads.moment(given), threads.moment(_end(bound, helps[bound]), late)]
