"""torch.profiler's Chrome traces (Kineto), of every version, CUDA and ROCm, whole or damaged."""

from __future__ import annotations

from pathlib import Path

import msgspec

from infprof.profiler.kineto import document, header, salvage, trace_file
from infprof.profiler.kineto.document import ChromeTrace
from infprof.profiler.kineto.lanes import lane_names
from infprof.profiler.kineto.rows import rows_of
from infprof.profiler.kineto.times import base_of, marked_windows, span_of, times_of, windows_of
from infprof.profiler.recording import SCHEMA, BadInput, Header, Recording, Subject

SIGNS = (b'"traceEvents"', b'"ph"', b'"deviceProperties"', b'"baseTimeNanoseconds"')
BOM = b"\xef\xbb\xbf"
CURE = "record it with torch.profiler and export_chrome_trace, with work inside the window"


def recognises(head: bytes) -> bool:
    """Whether a file that begins so is a Chrome trace: JSON with one of its keys."""
    start = head.removeprefix(BOM).lstrip()[:1]
    return start in (b"{", b"[") and any(sign in head for sign in SIGNS)


def read(path: Path) -> Recording:
    """The trace as a Recording on its own clock. Raises ``BadInput``."""
    contents = trace_file.contents(path)
    try:
        trace = _parse(contents.data.removeprefix(BOM))
    except ValueError as error:
        raise BadInput(f"{path}: {error}; {CURE}") from error
    trace.cuts.extend([contents.cut] if contents.cut else [])
    recording = _recording(path, trace)
    if not len(recording.events) and not len(recording.requests):
        raise BadInput(f"{path}: holds no event that torch.profiler records; {CURE}")
    return recording


def _parse(data: bytes) -> ChromeTrace:
    try:
        return document.read(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return salvage.salvage(data)


def _recording(path: Path, trace: ChromeTrace) -> Recording:
    base_ns = base_of(trace.about)
    times = times_of(trace.events, base_ns)
    rows = rows_of(times, lane_names(trace.events))
    has_counters = any(event.cat == "cuda_profiler_range" for event in times.events)
    made = Header(
        schema=SCHEMA,
        subject=Subject(kind="trace", name=path.name),
        machine=header.machine(trace.about),
        missing=header.missing(rows.events, has_counters, cut=bool(trace.cuts)),
        notes=header.notes(rows.events),
        lanes=rows.lanes,
        windows=windows_of(times) or marked_windows(trace.events, base_ns),
        span_ns=span_of(times),
        dropped_events=trace.dropped + times.dropped,
        cuts=trace.cuts,
        requests_seen=len(rows.requests),
    )  # fmt: skip
    return Recording(made, rows.events, rows.requests)
