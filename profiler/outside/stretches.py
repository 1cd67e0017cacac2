"""Stretches of work: from outside no request is seen, only what each thread does now and then.

A server's thread works, or it waits for work: in its event loop, at a queue, in ``accept``. What
lies between two waits for work is a stretch. It may be one request, a part of one, or several.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from infprof.profiler import names
from infprof.profiler.assemble import MOST_PLACES
from infprof.profiler.call_stages import frame_text, runs_model
from infprof.profiler.intervals import Int64Array
from infprof.profiler.phase import Phase
from infprof.profiler.recording import Recording, Requests
from infprof.profiler.stacks import Calls, Stacks, State

Mask = npt.NDArray[np.bool_]

BLOCKED = State.IO, State.LOCK, State.SLEEP, State.UNKNOWN

LONGEST_STEP = 3
"""Samples of a thread further apart than so many usual steps do not belong to one stretch."""

LEAST_RUNNING = 0.02
"""A thread that is ready to run in fewer of the samples in which it works only sleeps and looks."""


def cut_into_stretches(recording: Recording) -> Recording:
    """The recording with its stretches in place of requests, and the places that call models."""
    stacks, frames = recording.stacks, _Frames.of(recording.stacks.calls)
    is_blocked = np.isin(stacks.state, BLOCKED)
    works = ~(frames.rests[stacks.call] | is_blocked & frames.waits[stacks.call])
    works |= stacks.state == State.GIL  # there is something to do, wherever it is
    rounds = np.diff(np.unique(stacks.time_ns))  # of one thread alone it may be seconds
    usual_ns = int(np.median(rounds)) if len(rounds) else 0
    rows = [
        (start, end, lane, int(Phase.PLAIN), 0)
        for lane, mine in _serving(stacks, works, frames)
        for start, end in _stretches(stacks.time_ns[mine], works[mine], usual_ns)
    ]
    header = recording.header.model_copy(deep=True)
    header.model_calls = _often(frames.model_call[stacks.call])
    header.settings["requests"] = "stretches"
    return replace(recording, header=header, requests=Requests.of(rows))


@dataclass(frozen=True)
class _Frames:
    """Of each call, what its frames say."""

    rests: Mask
    """The innermost frame does nothing but wait for work."""
    waits: Mask
    """A thread that is blocked here waits for work: no code of the user's lies within the innermost
    frame of a server's."""
    loops: Mask
    """A server's loop, or that of a pool's worker, is on the stack."""
    model_call: Int64Array
    """Within a model's call the call that called the model, -1 elsewhere."""

    @classmethod
    def of(cls, calls: Calls) -> _Frames:
        rests, waits, loops = np.zeros((3, len(calls)), bool)
        found = cls(rests, waits, loops, _callers(calls))
        for call in range(len(calls)):
            kind, parent = names.serving_frame(frame_text(calls.place(call))), calls.parent[call]
            is_inner = parent >= 0 and not calls.is_user[call]
            within = is_inner and bool(found.waits[parent])
            found.waits[call] = kind is not None or within
            found.rests[call] = kind == "rest" or (kind == "rest in a server" and within)
            is_loop = kind in ("loop", "wait")
            found.loops[call] = is_loop or (parent >= 0 and found.loops[parent])
        return found


def _serving(stacks: Stacks, works: Mask, frames: _Frames) -> Iterator[tuple[int, Mask]]:
    """The threads that serve, with their samples: those that ever wait for work, have a server's
    loop on the stack or call a model. Where there are none, all that are ready to run often."""
    lanes = [(lane, stacks.lane == lane) for lane in np.unique(stacks.lane[works]).tolist()]
    serves = (frames.rests | frames.loops | (frames.model_call >= 0))[stacks.call]
    ready = np.isin(stacks.state, (State.RUNNING, State.GIL))
    found = [(lane, mine) for lane, mine in lanes if serves[mine].any()]
    yield from found or [
        (lane, mine) for lane, mine in lanes if ready[mine & works].mean() >= LEAST_RUNNING
    ]


def _stretches(times: Int64Array, works: Mask, usual: int) -> list[tuple[int, int]]:
    """From the middle between two samples to the middle between two others, at most ``usual`` ns
    apart."""
    if not len(times):
        return []
    steps = np.diff(times)
    half = np.minimum(steps, LONGEST_STEP * usual) // 2
    begin = times - np.concatenate(([usual // 2], half))
    end = times + np.concatenate((half, [usual // 2]))
    apart = np.concatenate(([True], steps > LONGEST_STEP * usual))
    first = works & (apart | ~np.concatenate(([False], works[:-1])))
    last = works & np.concatenate((apart[1:] | ~works[1:], [True]))
    return [
        (int(start), int(stop))
        for start, stop in zip(begin[first], end[last], strict=True)
        if stop > start
    ]


def _often(sampled: Int64Array) -> list[int]:
    """The calls within which models are called, by the samples inside."""
    found, count = np.unique(sampled[sampled >= 0], return_counts=True)
    often = count.max(initial=0) / MOST_PLACES
    return [int(call) for call in found[count > often]]


def _callers(calls: Calls) -> Int64Array:
    """For each call within a model's the one that called the model, -1 for all others."""
    caller = np.full(len(calls), -1, np.int64)
    for call in range(len(calls)):
        parent = int(calls.parent[call])
        if parent >= 0:
            is_outermost = caller[parent] < 0 and runs_model(calls.place(call))
            caller[call] = parent if is_outermost else caller[parent]
    return caller
