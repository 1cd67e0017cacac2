"""A trace that an engine made of itself, in the recording of what it told meanwhile.

The two do not mix: what it told is of requests, over all of the time; the trace is of a stretch of
that time, in which many requests shared each step. So they are explained apart.
"""

from __future__ import annotations

from dataclasses import replace

from infprof.profiler.events import NO_EVENTS
from infprof.profiler.recording import Note, Recording, Subject

SEEN = "ops", "kernels", "shapes"
"""What the trace tells, unless it says itself why not."""


def with_trace(told: Recording, trace: Recording, traced_ns: int) -> Recording:
    """What an engine told, with its trace as the recording's events."""
    header, theirs = told.header, trace.header
    header.machine, header.lanes, header.windows = theirs.machine, theirs.lanes, theirs.windows
    header.flags, header.span_ns = theirs.flags, theirs.span_ns
    header.cuts.extend(theirs.cuts)
    header.dropped_events += theirs.dropped_events
    for source in SEEN:
        header.missing.pop(source, None)
    header.missing.update({one: why for one, why in theirs.missing.items() if one in SEEN})
    header.notes.extend(theirs.notes)
    header.notes.append(Note(code="engine-profile", text=_story(trace, traced_ns)))
    return replace(told, events=trace.events)


def parts(recording: Recording) -> tuple[Recording, Recording] | None:
    """What the engine told, and its trace, as recordings of their own; ``None`` where there are
    not both."""
    header = recording.header
    if header.served is None or not len(recording.events) or len(recording.requests):
        return None
    alone = header.model_copy(
        update={
            "served": None,
            "load": None,
            "subject": Subject(kind="trace", name=header.subject.name),
        }
    )
    return replace(recording, events=NO_EVENTS), Recording(alone, recording.events)


def _story(trace: Recording, traced_ns: int) -> str:
    return (
        f"The engine's own tracer ran for {traced_ns / 1e9:.1f} s of the time, which slows it "
        f"({trace.header.subject.name}). What is said of operators, kernels, copies and launches "
        "is of that stretch, and no part of a request's time."
    )
