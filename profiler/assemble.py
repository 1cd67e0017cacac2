"""Raw files of a session and what collectors saw, joined into one Recording on one clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from infprof.profiler import names
from infprof.profiler.calibrated_device import fitting
from infprof.profiler.collectors import Facts
from infprof.profiler.collectors.kernels import ALIGNING_MARKS, MARK
from infprof.profiler.cycle_requests import cut, whole_run
from infprof.profiler.events import Events, EventsBuilder, Kind, concatenate
from infprof.profiler.importers.kineto import read as read_kineto
from infprof.profiler.input_series import input_series
from infprof.profiler.intervals import Int64Array
from infprof.profiler.mark_table import Marks
from infprof.profiler.recording import (
    BadInput,
    Header,
    Lane,
    Machine,
    Note,
    Recording,
    Requests,
    Samples,
    Subject,
    Window,
)
from infprof.profiler.seen_whole import seen_whole
from infprof.profiler.session_files import (
    NONE_MEANWHILE,
    SampledStacks,
    SessionFacts,
    read_beats,
    read_facts,
    read_stacks,
)
from infprof.profiler.stack_join import join
from infprof.profiler.stacks import Stacks
from infprof.profiler.stints import NOBODY, Stints


@dataclass
class Parts:
    """What is being joined: lanes by identity, events with their clock offsets, header facts."""

    lanes: list[Lane] = field(default_factory=list)
    index: dict[tuple[str, int | None, int], int] = field(default_factory=dict)
    events: list[tuple[Events, int, Any]] = field(default_factory=list)

    def lane(self, lane: Lane) -> int:
        """The joined index of a lane; threads are one by their native id, streams by device."""
        owner = lane.device if lane.type == "stream" else None
        key = (lane.type, owner, lane.id)
        if key not in self.index:
            self.index[key] = len(self.lanes)
            self.lanes.append(lane)
        elif lane.name and not self.lanes[self.index[key]].name:
            self.lanes[self.index[key]] = lane
        return self.index[key]


def assemble(
    folder: Path, subject: Subject, version: str, sampled: dict[str, Facts | str]
) -> Recording:
    """Join the raw files in ``folder`` with ``sampled``: facts, or why there are none, by source.

    Whatever is missing or cut short becomes a reason in the header; this never fails on content.
    """
    session = read_facts(folder)
    header = Header(
        subject=subject,
        tool_version=version,
        missing=dict(session.missing),
        flags=session.flags,
        overhead_ns=session.overhead_ns,
        notes=[_note(code, text) for code, text in session.notes.items()],
        dropped_events=session.dropped_marks,
    )
    parts = Parts()
    for window in session.windows:
        _window(folder, window, parts, header)
    marks, own = Marks.read(folder), read_stacks(folder)
    requests = _requests(own, marks, parts, session, header)
    header.requests_seen = max(session.requests_seen, len(requests))
    _ranges(marks, parts, session.pid)
    samples = _samples(header, {**sampled, "model": input_series(marks)})
    stints = _stints(marks, parts, session.pid)
    requests = seen_whole(requests, stints, header.windows)
    stacks = _stacks(folder, own, parts, session, header, sampled, requests)
    _merge_machine(header.machine, session.machine)
    header.lanes = parts.lanes
    header.machine.calibration = fitting(header)
    events = concatenate(parts.events)
    _say_what_is_missing(header, events, requests)
    return Recording(header, events, requests, samples, stacks, stints)


def _note(code: str, text: str) -> Note:
    return Note(code=code, text=f"{text[:1].upper()}{text[1:]}.")


WHOLE_RUN = (
    "the program marked no request and no call of an nn.Module was seen in a loop, so the whole run"
    " after its imports counts as one; name the function that serves a request with"
    " --call MODULE:FUNCTION"
)


def _requests(
    own: SampledStacks, marks: Marks, parts: Parts, session: SessionFacts, header: Header
) -> Requests:
    """Those that the program marked; where it marked none, the turns of its model loops."""
    windows = [(one.start_ns, one.end_ns) for one in header.windows]
    rows = marks.requests()
    if not rows:
        rows = [(*row, 0) for row in cut(marks.turns(), session.warmup, windows)]
        if rows:
            header.settings["requests"] = "model loop"
            header.settings["loop_tasks"] = session.loop_tasks
        elif session.joined:
            header.missing["requests"] = NONE_MEANWHILE
        elif one := whole_run(own.rows, own.calls.build(), session.pid):
            rows = [(*one, 0)]
            header.settings["requests"] = "whole run"
            header.notes.append(_note("whole-run", WHOLE_RUN))
    threads = {
        thread: parts.lane(Lane(type="thread", process=session.pid, id=thread))
        for thread in sorted({row[2] for row in rows})
    }
    numbers = marks.numbers() or [NOBODY] * len(rows)
    content, of_stints = marks.contents(rows), marks.contents_of_stints()
    contents = [
        content.get((row[0], row[2]), -1) if number == NOBODY else of_stints.get(number, -1)
        for row, number in zip(rows, numbers, strict=True)
    ]
    table = [
        (start, end, threads[thread], phase, failed, *more)
        for (start, end, thread, phase, failed), *more in zip(rows, contents, numbers, strict=True)
    ]
    return Requests.of(table)


def _stints(marks: Marks, parts: Parts, pid: int | None) -> Stints:
    return Stints.from_rows(
        (number, start, end, parts.lane(Lane(type="thread", process=pid, id=thread)), wait)
        for number, start, end, thread, wait in marks.stints()
    )


def _ranges(marks: Marks, parts: Parts, pid: int | None) -> None:
    builder = EventsBuilder()
    for stage, name, start, end, thread in marks.ranges():
        lane = parts.lane(Lane(type="thread", process=pid, id=thread))
        builder.add(Kind.RANGE, lane, name, start, end, stage=stage or None)
    parts.events.append((builder.build(), 0, np.arange(len(parts.lanes), dtype=np.int32)))


MOST_PLACES = 10
"""A place that called models a tenth as often as the busiest one, or less, is a warm-up."""


def _stacks(
    folder: Path,
    own: SampledStacks,
    parts: Parts,
    session: SessionFacts,
    header: Header,
    sampled: dict[str, Facts | str],
    requests: Requests,
) -> Stacks:
    often = max(session.model_calls.values(), default=0) / MOST_PLACES
    header.model_calls = sorted(
        {
            own.places[call]
            for call, count in session.model_calls.items()
            if 0 <= call < len(own.places) and count > often
        }
    )
    lanes = {
        thread: parts.lane(Lane(type="thread", process=session.pid, id=thread))
        for thread in np.unique(own.rows[:, 1]).tolist()
    }
    rows = [(time, lanes[thread], call, state) for time, thread, call, state in own.rows.tolist()]
    for facts in sampled.values():
        if isinstance(facts, Facts) and facts.stacks is not None:
            usual = int(np.median(requests.end_ns - requests.start_ns)) if len(requests) else None
            joined = join(facts.stacks, own, read_beats(folder), session.pid, usual)
            index = {thread: parts.lane(lane) for thread, lane in joined.lanes.items()}
            rows += [
                (time, index[thread], call, state) for time, thread, call, state in joined.rows
            ]
            joined.describe(header)
    return Stacks.of(rows, own.calls.build())


def _window(folder: Path, facts: dict[str, Any], parts: Parts, header: Header) -> None:
    """Add one window's trace, moved onto our clock by the marks it shares with us."""
    try:
        trace = read_kineto(folder / facts["file"])
    except BadInput as error:
        header.notes.append(_note("window", f"a window could not be read: {error}"))
        return
    events = trace.events
    is_mark = np.array([name == MARK for name in events.names], bool)[events.name]
    aligned = _align(np.sort(events.start_ns[is_mark]), np.array(facts["marks_ns"], np.int64))
    if aligned is None:
        header.notes.append(_note("alignment", "a window's clock could not be aligned"))
        return
    offset, doubt = aligned
    header.windows.append(
        Window(start_ns=facts["start_ns"], end_ns=facts["end_ns"], alignment_error_ns=doubt)
    )
    kept = events.take(~is_mark)
    lanes = np.array([parts.lane(lane) for lane in trace.header.lanes] or [0], np.int32)
    parts.events.append((kept, offset, lanes))
    unasked = {"stacks"}  # windows never ask for Python stacks, so their absence is no gap
    header.missing.update({k: v for k, v in trace.header.missing.items() if k not in unasked})
    header.notes.extend(trace.header.notes)
    header.cuts.extend(trace.header.cuts)
    header.dropped_events += trace.header.dropped_events
    _merge_machine(header.machine, trace.header.machine)


def _align(theirs: Int64Array, ours: Int64Array) -> tuple[int, int] | None:
    """What to add to the tracer's clock to get ours, and how far the window's two ends disagree.

    Ours is read just before the mark: whatever delays the mark makes the difference smaller, so
    that the largest of each end is the tightest. A tracer that saw one thread may miss the far
    end's.
    """
    ends = [slice(0, ALIGNING_MARKS), slice(ALIGNING_MARKS, 2 * ALIGNING_MARKS)]
    whole = ends[: len(theirs) // ALIGNING_MARKS] if len(theirs) <= len(ours) else []
    tightest = [int((ours[end] - theirs[end]).max()) for end in whole]
    if not tightest:
        return None
    return sum(tightest) // len(tightest), max(tightest) - min(tightest)


def _samples(header: Header, sampled: dict[str, Facts | str]) -> Samples:
    rows: list[tuple[int, int, float]] = []
    for source, facts in sampled.items():
        if isinstance(facts, str):
            _note_absence(header, source, facts)
            continue
        header.missing.update(facts.missing)
        first = len(header.series)
        header.series.extend(facts.series)
        rows.extend((first + index, time, value) for index, time, value in facts.points)
        header.notes.extend(facts.notes)
        if facts.machine is not None:
            _merge_machine(header.machine, facts.machine)
    return Samples.of(rows)


def _note_absence(header: Header, source: str, reason: str) -> None:
    """The collector of stacks is py-spy; stacks are missing only if the session has none either."""
    if source == "stacks":
        header.missing["py-spy"] = reason
    if source != "stacks" or "stacks" in header.missing:
        header.missing[source] = reason


def _merge_machine(into: Machine, more: Machine) -> None:
    """Fill what is unknown in ``into``; the collectors' list of GPUs is richer than the trace's."""
    for name in ("os", "python", "torch", "cuda", "hip", "calibration"):
        if getattr(into, name) is None:
            setattr(into, name, getattr(more, name))
    for name, value in more.cpu:
        if getattr(into.cpu, name) is None:
            setattr(into.cpu, name, value)
    if not into.gpus:
        into.gpus = list(more.gpus)
        return
    for mine, other in zip(into.gpus, more.gpus, strict=False):
        for name, value in other:
            if getattr(mine, name) is None:
                setattr(mine, name, value)


def _say_what_is_missing(header: Header, events: Events, requests: Requests) -> None:
    if not len(requests):
        header.missing.setdefault(
            "requests",
            "the program marked no request: decorate the function that serves one with "
            "@infprof.profile, or put `with infprof.request():` around it",
        )
    for source, kind in (("ops", Kind.OP), ("kernels", Kind.KERNEL)):
        if (events.kind == kind).any():  # one window of several may have seen none
            header.missing.pop(source, None)
    if header.flags.get("cuda_available") is False and not (events.kind == Kind.CALL).any():
        header.missing.pop("kernels", None)  # there is no GPU whose work could be missing
    copies = events.name[(events.kind == Kind.COPY)]
    unknown = [events.names[index] for index in np.unique(copies)]
    if any(names.copy_direction(name) == "unknown" for name in unknown):
        header.notes.append(_note("copies", "some copies have a direction unknown here"))
