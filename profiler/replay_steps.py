"""A request as the columns that its replays go through: the host's steps, device work, and waits.

Between two waits the host just goes on: its clock is its own work so far plus a delay that only
waits change. So launches need no going through one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from infprof.profiler.device_links import NEVER, Binding, DeviceLinks
from infprof.profiler.device_waits import DeviceWaits
from infprof.profiler.intervals import Int64Array
from infprof.profiler.timeline import Request, Rows

NONE = -1
"""In place of a position or a step: there is none."""

ONE_BY_ONE = -2
"""In place of a stream: what a wait is for is told one by one."""


class Moment(NamedTuple):
    """A moment of a thread in a replay."""

    delay: int
    """Which delay the thread has then: that after so many waits."""
    step: int
    lag: int = 0
    """So long after that step."""


class HostSteps(NamedTuple):
    """Launches, waits, and last the request's end, in the order in which the host comes to them;
    recorded times, ns."""

    seen: Int64Array
    """Up to where the steps before have brought the host."""
    until: Int64Array
    """Up to where it works before this one."""
    lane: Int64Array | None = None
    """Whose step it is, where several threads have some, each all of its own in a row."""


class Work(NamedTuple):
    """The request's device work, each after what it depends on."""

    place: Int64Array
    """Its position in ``DeviceLinks.rows``."""
    launch: Int64Array
    """The host step that launched it; ``NONE``: another thread did."""
    waits_before: Int64Array
    """How many waits go before that step; ``NONE`` for another thread's."""
    after_launch: Int64Array
    """When it may start, counted from its launch; for another thread's, the recorded time."""
    before: Int64Array
    """The position of the work before it on its stream, and when it may start, counted from that
    one's end."""
    after_before: Int64Array
    told: Int64Array
    """The same for work of another stream that it was told to wait for."""
    after_told: Int64Array


class Waits(NamedTuple):
    """Calls that wait for the device, in order of their ends."""

    row: Rows
    step: Int64Array
    """The host step that each is."""
    works: Int64Array
    """How much of the request's work comes before it ends."""
    own: Int64Array
    """What the call takes by itself."""
    tail: Int64Array
    """What it takes after that which it waits for has ended."""
    awaited: Int64Array
    """The position of that work; ``NONE`` for a synchronisation."""
    stream: Int64Array
    """What a synchronisation waits for."""
    before: Int64Array
    """How many waits there are up to the last one before it on its thread."""
    end: Int64Array
    """When it ended in the recording."""


class After(NamedTuple):
    """What a wait is for, one by one."""

    moments: tuple[Moment, ...]
    places: tuple[int, ...]
    """Positions of device work."""


class Steps(NamedTuple):
    """All of it."""

    host: HostSteps
    work: Work
    waits: Waits
    after: Mapping[int, After]
    """Of waits whose stream is ``ONE_BY_ONE``, by their position."""
    last: Moment
    """The request's end."""


def steps_of(waits: DeviceWaits, request: Request) -> Steps:
    """What a replay of ``request`` goes through. Where no thread is known to serve it, all count as
    one: the usual program's threads work in turns."""
    links, events = waits.links, waits.links.timeline.events
    mine = launched_in(links, request)
    calls, first = np.unique(links.launch[mine], return_index=True)
    began = links.launched_ns[mine][first]
    here = np.array(request.lane is None) | (events.lane[calls] == request.lane)
    rows = waits_in(waits, request)
    at = np.concatenate([events.end_ns[rows], began[here], [request.end_ns]])
    until = np.concatenate([events.start_ns[rows], began[here], [request.end_ns]])
    order = np.argsort(at, kind="stable")  # at the same time a wait ends before the next launch
    step = np.empty(len(at), np.int64)
    step[order] = np.arange(len(at))
    host = HostSteps(np.concatenate([[request.start_ns], at[order][:-1]]), until[order])
    launch_steps, before = np.full((2, len(calls)), NONE)
    launch_steps[here] = step[len(rows) : -1]
    before[here] = np.cumsum(order < len(rows))[launch_steps[here]]
    by_launch = np.searchsorted(calls, links.launch[mine])
    work = device_work(links, mine, launch_steps[by_launch], before[by_launch], began[by_launch])
    columns, last = device_waits(waits, rows, step[: len(rows)]), Moment(len(rows), len(at) - 1)
    return in_order(links, Steps(host, work, columns, {}, last))


def launched_in(links: DeviceLinks, request: Request) -> Int64Array:
    """Positions of the work that was launched after the request's start and started before its
    end."""
    within = (links.launched_ns >= request.start_ns) & (links.start < request.end_ns)
    return np.flatnonzero(within & (links.launch >= 0))


def waits_in(waits: DeviceWaits, request: Request) -> Rows:
    """The request's calls that may wait, in order of their ends."""
    events, rows = waits.links.timeline.events, waits.may_wait
    inside = (events.start_ns[rows] >= request.start_ns) & (events.end_ns[rows] <= request.end_ns)
    if request.lane is not None:
        inside &= events.lane[rows] == request.lane
    rows = rows[inside]
    return rows[np.argsort(events.end_ns[rows], kind="stable")]


def device_work(
    links: DeviceLinks, mine: Int64Array, launch: Int64Array, waits: Int64Array, began: Int64Array
) -> Work:
    """The columns of some device work, with the step of each launch, the waits before it, and when
    it was."""
    binding, source = (column[mine] for column in links.binding)
    before, start = links.before[mine], links.start[mine]
    told = np.where(binding == Binding.EVENT, source, NONE)
    lag = _lag(start - links.launched_ns[mine], binding == Binding.LAUNCH, links.latency_ns)
    return Work(
        mine, launch, waits, np.where(launch == NONE, began + lag, lag),
        before, _lag(start - links.end[before], binding == Binding.STREAM, links.gap_ns),
        told, start - links.end[told],
    )  # fmt: skip


def _lag(recorded: Int64Array, bound: npt.NDArray[np.bool_], least: int) -> Int64Array:
    """From the end of a predecessor to the start of the work: as recorded if that bound it, else
    the least that the machine needs."""
    return np.where(bound, recorded, np.minimum(recorded, least))


def device_waits(waits: DeviceWaits, rows: Rows, step: Int64Array) -> Waits:
    """The columns of some calls that wait for the device."""
    links, events = waits.links, waits.links.timeline.events
    taken = events.end_ns[rows] - events.start_ns[rows]
    awaited = waits.awaited_by(rows)
    bound = (awaited >= 0) & (taken > waits.call_ns)
    after = events.end_ns[rows] - links.end[awaited] if len(links.rows) else taken
    return Waits(
        rows, step, np.zeros(len(rows), np.int64),
        np.where(bound, np.minimum(taken, waits.call_ns), taken),
        np.maximum(np.where(bound, after, waits.tail_ns), 0),
        np.where(np.isin(rows, waits.syncs), NONE, awaited),
        waits.streams_of(rows), np.arange(len(rows)), events.end_ns[rows],
    )  # fmt: skip


def in_order(links: DeviceLinks, steps: Steps, at_least: Int64Array | None = None) -> Steps:
    """The work in order of start; what a call waited for before that call's end, though it may
    seem to start a little later; and nothing before ``at_least``."""
    work, waits = steps.work, steps.waits
    starts = np.append(links.start, NEVER)
    np.minimum.at(starts, waits.awaited, waits.end - 1)
    starts = starts[work.place]
    if at_least is not None:
        starts = np.maximum(starts, at_least)
    order = np.argsort(starts, kind="stable")
    so_far = np.searchsorted(waits.end, starts[order], side="right")
    work = Work(*(column[order] for column in work))
    return steps._replace(
        work=work._replace(waits_before=np.minimum(work.waits_before, so_far)),
        waits=waits._replace(works=np.searchsorted(starts[order], waits.end)),
    )
