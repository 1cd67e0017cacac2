"""A machine of one host thread and some streams that runs programs by known rules.

It is the truth that blame and predictions are compared with: change a duration, run again, and see
what the wall does.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from infprof.profiler.events import EventsBuilder, Flag, Kind
from infprof.profiler.intervals import Intervals
from infprof.profiler.recording import Header, Lane, Machine, Phase, Recording, Requests, Subject
from infprof.profiler.timeline import Timeline

LATENCY, GAP, EVENT = 5_000, 1_500, 2_000
"""ns: launch to kernel on an idle stream; between queued work; an event's end to who waits."""
API, TAIL = 3_000, 1_000
"""ns: a call on the host; what a wait takes after the awaited work has ended."""


@dataclass(frozen=True)
class Step:
    """One line of a program."""

    do: str
    """``work``, ``kernel``, ``copy``, ``blocking copy``, ``blocking upload``, ``graph``, ``sync``,
    ``wait``, ``ahead``."""
    stream: int = 0
    time_ns: int = 0
    other: int = 0
    """Kernels of a graph; the stream that ``wait`` waits for; -1 in ``sync`` is all streams; which
    copy of its request one ``ahead`` is."""


def random_program(seed: int, events: bool = True) -> list[Step]:
    """Ten to sixty steps with times of 1 us to 0.3 ms; ``events`` lets streams wait for streams."""
    rng = random.Random(seed)
    kinds = ["work"] * 4 + ["kernel"] * 6 + ["copy", "blocking copy", "graph", "sync"]
    kinds += ["wait"] * events

    def step() -> Step:
        do, time = rng.choice(kinds), round(10 ** rng.uniform(3, 5.5))
        other = {"graph": rng.randint(1, 8), "sync": rng.choice([0, -1])}.get(do, rng.randrange(3))
        return Step(do, rng.randrange(3), time, other)

    return [step() for _ in range(rng.randint(10, 60))] + [Step("sync", other=-1)]


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
    scaled_host: Intervals
    """The host's own time, without its waits and what these take at their end."""


@dataclass
class _State:
    scales: Scales
    builder: EventsBuilder = field(default_factory=EventsBuilder)
    now: int = 0
    free: dict[int, int] = field(default_factory=dict)
    """When each stream has done all that was launched on it."""
    waits: dict[int, int] = field(default_factory=dict)
    """Not before then may the next work on a stream start."""
    arrived: dict[int, int] = field(default_factory=dict)
    """When each copy that was made ahead has ended."""
    calls: int = 0
    host: list[tuple[int, int]] = field(default_factory=list)

    def call(self, name: str, until: int | None = None) -> int:
        """An API call; its begin. It ends when the work it waits for has, plus a tail."""
        begin = self.now
        end = begin + round(API * self.scales.host)
        self.host.append((begin, end))
        if until is not None:
            end = max(end, until + TAIL)
        self.calls += 1
        self.builder.add(Kind.CALL, 0, name, begin, end, correlation=self.calls)
        self.now = end
        return begin

    def start_on(self, stream: int, launched: int) -> int:
        ready = [launched + LATENCY, self.waits.pop(stream, 0)]
        if stream in self.free:
            ready.append(self.free[stream] + GAP)
        return max(ready)


def run(program: list[Step], scales: Scales | None = None) -> Run:
    """Run a program, which is one request."""
    state = _State(scales or Scales())
    for step in program:
        _DO[step.do](state, step)
    wall = state.now
    lanes = [Lane(type="thread", process=1, id=1, name="main")]
    lanes += [Lane(type="stream", device=0, id=number) for number in range(8)]
    header = Header(
        subject=Subject(kind="run", name="simulated"), machine=Machine(), lanes=lanes,
        requests_seen=1,
    )  # fmt: skip
    requests = Requests.of([(0, wall, 0, int(Phase.TRACED), False)])
    timeline = Timeline(Recording(header, state.builder.build(), requests))
    host = np.array(state.host, np.int64).reshape(-1, 2)
    return Run(wall, timeline, Intervals(host[:, 0], host[:, 1]))


def _work(state: _State, step: Step) -> None:
    end = state.now + round(step.time_ns * state.scales.host)
    state.builder.add(Kind.OP, 0, "aten::work", state.now, end)
    state.host.append((state.now, end))
    state.now = end


def _kernel(state: _State, step: Step) -> None:
    launched = state.call("cudaLaunchKernel")
    _device(state, step, launched, Kind.KERNEL, "gemm", state.scales.kernel)


def _device(
    state: _State, step: Step, launched: int, kind: Kind, name: str, scale: float, flags: int = 0
) -> int:
    start = state.start_on(step.stream, launched)
    end = start + round(step.time_ns * scale)
    state.builder.add(kind, 1 + step.stream, name, start, end, correlation=state.calls, flags=flags)
    state.free[step.stream] = end
    return end


def _copy(state: _State, step: Step) -> None:
    launched = state.call("cudaMemcpyAsync")
    name = "Memcpy HtoD (Pinned -> Device)"
    _device(state, step, launched, Kind.COPY, name, state.scales.copy)


def _blocking_copy(state: _State, step: Step) -> None:
    """The call's row must come first, and its end depends on the copy's."""
    start = max(
        state.now + LATENCY,
        state.waits.get(step.stream, 0),
        state.free.get(step.stream, -GAP) + GAP,
    )
    end = start + round(step.time_ns * state.scales.copy)
    launched = state.call("cudaMemcpyAsync", until=end)
    up = step.do == "blocking upload"
    name = "Memcpy HtoD (Pinned -> Device)" if up else "Memcpy DtoH (Device -> Pageable)"
    assert _device(state, step, launched, Kind.COPY, name, state.scales.copy) == end


def _ahead(state: _State, step: Step) -> None:
    """Copy for the next request on an engine of its own; this one's stream goes on when its own
    input, which was copied during the request before, is there."""
    launched = state.call("cudaMemcpyAsync")
    mine, busy = state.arrived.get(step.other, 0), max(state.arrived.values(), default=-GAP)
    state.free[step.stream] = max(state.free.get(step.stream, 0), mine)
    start = max(launched + LATENCY, busy + GAP)
    state.arrived[step.other] = start + round(step.time_ns * state.scales.copy)


def _graph(state: _State, step: Step) -> None:
    launched = state.call("cudaGraphLaunch")
    for _ in range(step.other):
        _device(state, step, launched, Kind.KERNEL, "gemm", state.scales.kernel, Flag.GRAPH)


def _sync(state: _State, step: Step) -> None:
    if step.other == -1:
        state.call("cudaDeviceSynchronize", max(state.free.values(), default=0))
        return
    begin = state.now
    state.call("cudaStreamSynchronize", state.free.get(step.stream, 0))
    state.builder.add(
        Kind.SYNC, 1 + step.stream, "Stream Sync", begin, state.now, correlation=state.calls
    )


def _wait(state: _State, step: Step) -> None:
    state.call("cudaStreamWaitEvent")
    if step.other in state.free:
        ready = state.free[step.other] + EVENT
        state.waits[step.stream] = max(ready, state.waits.get(step.stream, 0))


_DO = {
    "work": _work, "kernel": _kernel, "copy": _copy, "blocking copy": _blocking_copy,
    "blocking upload": _blocking_copy, "graph": _graph, "sync": _sync, "wait": _wait,
    "ahead": _ahead,
}  # fmt: skip
