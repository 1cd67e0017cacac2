"""A machine of some host threads and streams that runs programs by known rules.

It is the truth that blame and predictions are compared with: change a duration, run again, and see
what the wall does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np

from infprof.profiler.events import EventsBuilder, Flag, Kind
from infprof.profiler.intervals import Intervals
from infprof.profiler.recording import Header, Lane, Machine, Phase, Recording, Requests, Subject
from infprof.profiler.stints import Stints
from infprof.profiler.timeline import Timeline
from tests.random_programs import HELPERS, Step

LATENCY, GAP, EVENT = 5_000, 1_500, 2_000
"""ns: launch to kernel on an idle stream; between queued work; an event's end to who waits."""
API, TAIL = 3_000, 1_000
"""ns: a call on the host; what a wait takes after the awaited work has ended."""
GIVE, WAKE = 2_000, 8_000
"""ns: to give work to another thread; until a thread that waits for another goes on."""
STREAMS = 8
FIRST_HELPER = 1 + STREAMS


@dataclass
class Scales:
    """What each kind of time is multiplied by."""

    host: float = 1.0
    kernel: float = 1.0
    copy: float = 1.0


@dataclass
class Run:
    """What happened."""

    wall_ns: int
    timeline: Timeline
    own_time: dict[int, Intervals]
    """Each thread's own time, without its waits and what these take at their end."""


@dataclass
class _Machine:
    scales: Scales
    builder: EventsBuilder = field(default_factory=EventsBuilder)
    free: dict[int, int] = field(default_factory=dict)
    """When each stream has done all that was launched on it."""
    waits: dict[int, int] = field(default_factory=dict)
    """Not before then may the next work on a stream start."""
    arrived: dict[int, int] = field(default_factory=dict)
    """When each copy that was made ahead has ended."""
    ids: Iterator[int] = field(default_factory=lambda: count(1))
    stints: list[tuple[int, int, int, int, str]] = field(default_factory=list)

    def start_on(self, stream: int, launched: int) -> int:
        """When work may start there."""
        ready = [launched + LATENCY, self.waits.pop(stream, 0)]
        if stream in self.free:
            ready.append(self.free[stream] + GAP)
        return max(ready)


@dataclass
class _Thread:
    machine: _Machine
    lane: int
    steps: list[Step]
    now: int = 0
    call_id: int = 0
    """Of its last call."""
    host: list[tuple[int, int]] = field(default_factory=list)
    given: list[tuple[int, tuple[Step, ...]]] = field(default_factory=list)
    """What it got and has not begun, and when."""
    began: tuple[int, int] | None = None
    """When it was given what it works at, and began."""

    def takes(self, time_ns: int) -> int:
        """The begin of something that takes the thread's own time."""
        begin = self.now
        self.now += round(time_ns * self.machine.scales.host)
        self.host.append((begin, self.now))
        return begin

    def call(self, name: str, until: int | None = None) -> int:
        """An API call; its begin. It ends when the work it waits for has, plus a tail."""
        begin = self.takes(API)
        if until is not None:
            self.now = max(self.now, until + TAIL)
        self.call_id = next(self.machine.ids)
        self.machine.builder.add(
            Kind.CALL, self.lane, name, begin, self.now, correlation=self.call_id
        )
        return begin

    def begin_given(self) -> None:
        """Go to work."""
        given, steps = self.given.pop(0)
        self.now = max(self.now, given + WAKE)
        self.steps, self.began = list(steps), (given, self.now)

    def end_given(self) -> None:
        """Done."""
        assert self.began is not None
        given, began = self.began
        self.machine.stints.append((1, given, began, 0, "thread pool"))
        self.machine.stints.append((1, began, self.now, self.lane, ""))
        self.began = None


def run(program: list[Step], scales: Scales | None = None, told: bool = True) -> Run:
    """Run a program, which is one request; ``told``: stints tell who worked for it."""
    machine = _Machine(scales or Scales())
    main = _Thread(machine, 0, list(program))
    helpers = [_Thread(machine, FIRST_HELPER + number, []) for number in range(HELPERS)]
    while _go_on(main, helpers):
        pass
    wall = main.now
    lanes = [Lane(type="thread", process=1, id=1, name="main")]
    lanes += [Lane(type="stream", device=0, id=number) for number in range(STREAMS)]
    lanes += [Lane(type="thread", process=1, id=one.lane, name="helper") for one in helpers]
    header = Header(
        subject=Subject(kind="run", name="simulated"), machine=Machine(), lanes=lanes,
        requests_seen=1,
    )  # fmt: skip
    requests = Requests.of([(0, wall, 0, int(Phase.TRACED), False, -1, 1)])
    stints = [*machine.stints, (1, 0, wall, 0, "")] if told and machine.stints else []
    recording = Recording(header, machine.builder.build(), requests)
    timeline = Timeline(replace(recording, stints=Stints.from_rows(stints)))
    host = {one.lane: np.array(one.host, np.int64).reshape(-1, 2) for one in (main, *helpers)}
    return Run(wall, timeline, {lane: Intervals(*times.T) for lane, times in host.items()})


def _go_on(main: _Thread, helpers: list[_Thread]) -> bool:
    """Let the thread that is furthest behind take its next step; false when all are done."""
    for one in helpers:
        if not one.steps and one.began is not None:
            one.end_given()
        if not one.steps and one.given:
            one.begin_given()
    ready = [one for one in helpers if one.steps]
    is_joining = bool(main.steps) and main.steps[0].do == "join"
    if main.steps and not (is_joining and ready):
        ready.append(main)
    if not ready:
        return False
    thread = min(ready, key=lambda one: (one.now, one.lane))
    step = thread.steps.pop(0)
    if step.do == "give":
        thread.takes(GIVE)
        helpers[step.other].given.append((thread.now, step.given))
    elif step.do == "join":
        ended = max(one.now for one in helpers)
        thread.now = ended + WAKE if ended > thread.now else thread.now
    else:
        _DO[step.do](thread, step)
    return True


def _work(thread: _Thread, step: Step) -> None:
    begin = thread.takes(step.time_ns)
    thread.machine.builder.add(Kind.OP, thread.lane, "aten::work", begin, thread.now)


def _kernel(thread: _Thread, step: Step) -> None:
    launched = thread.call("cudaLaunchKernel")
    _device(thread, step, launched, Kind.KERNEL, "gemm", thread.machine.scales.kernel)


def _device(
    thread: _Thread, step: Step, launched: int, kind: Kind, name: str, scale: float, flags: int = 0
) -> int:
    start = thread.machine.start_on(step.stream, launched)
    end = start + round(step.time_ns * scale)
    thread.machine.builder.add(
        kind, 1 + step.stream, name, start, end, correlation=thread.call_id, flags=flags
    )
    thread.machine.free[step.stream] = end
    return end


def _copy(thread: _Thread, step: Step) -> None:
    launched = thread.call("cudaMemcpyAsync")
    name = "Memcpy HtoD (Pinned -> Device)"
    _device(thread, step, launched, Kind.COPY, name, thread.machine.scales.copy)


def _blocking_copy(thread: _Thread, step: Step) -> None:
    """The call's row must come first, and its end depends on the copy's."""
    start = max(
        thread.now + LATENCY,
        thread.machine.waits.get(step.stream, 0),
        thread.machine.free.get(step.stream, -GAP) + GAP,
    )
    end = start + round(step.time_ns * thread.machine.scales.copy)
    launched = thread.call("cudaMemcpyAsync", until=end)
    up = step.do == "blocking upload"
    name = "Memcpy HtoD (Pinned -> Device)" if up else "Memcpy DtoH (Device -> Pageable)"
    assert _device(thread, step, launched, Kind.COPY, name, thread.machine.scales.copy) == end


def _ahead(thread: _Thread, step: Step) -> None:
    """Copy for the next request on an engine of its own; this one's stream goes on when its own
    input, which was copied during the request before, is there."""
    launched = thread.call("cudaMemcpyAsync")
    mine, busy = (
        thread.machine.arrived.get(step.other, 0),
        max(thread.machine.arrived.values(), default=-GAP),
    )
    thread.machine.free[step.stream] = max(thread.machine.free.get(step.stream, 0), mine)
    start = max(launched + LATENCY, busy + GAP)
    thread.machine.arrived[step.other] = start + round(step.time_ns * thread.machine.scales.copy)


def _graph(thread: _Thread, step: Step) -> None:
    launched = thread.call("cudaGraphLaunch")
    for _ in range(step.other):
        _device(
            thread, step, launched, Kind.KERNEL, "gemm", thread.machine.scales.kernel, Flag.GRAPH
        )


def _sync(thread: _Thread, step: Step) -> None:
    if step.other == -1:
        thread.call("cudaDeviceSynchronize", max(thread.machine.free.values(), default=0))
        return
    begin = thread.now
    thread.call("cudaStreamSynchronize", thread.machine.free.get(step.stream, 0))
    thread.machine.builder.add(
        Kind.SYNC, 1 + step.stream, "Stream Sync", begin, thread.now, correlation=thread.call_id
    )


def _wait(thread: _Thread, step: Step) -> None:
    thread.call("cudaStreamWaitEvent")
    if step.other in thread.machine.free:
        ready = thread.machine.free[step.other] + EVENT
        thread.machine.waits[step.stream] = max(ready, thread.machine.waits.get(step.stream, 0))


_DO = {
    "work": _work, "kernel": _kernel, "copy": _copy, "blocking copy": _blocking_copy,
    "blocking upload": _blocking_copy, "graph": _graph, "sync": _sync, "wait": _wait,
    "ahead": _ahead,
}  # fmt: skip
