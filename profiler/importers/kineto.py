"""torch.profiler's Chrome traces (Kineto), of every version, CUDA and ROCm, whole or damaged."""

from __future__ import annotations

from pathlib import Path

from infprof.profiler.importers import onnxruntime
from infprof.profiler.kineto import document, header, salvage, trace_file
from infprof.profiler.kineto.columns import Columns
from infprof.profiler.kineto.document import NotExact
from infprof.profiler.kineto.kinds import COUNTERS
from infprof.profiler.kineto.parts import Trace, joined, read_part
from infprof.profiler.kineto.pieces import BOM, NotInPieces
from infprof.profiler.kineto.rows import rows_of
from infprof.profiler.kineto.times import base_of, marked_windows, span_of, times_of, windows_of
from infprof.profiler.recording import SCHEMA, BadInput, Header, Recording, Subject

SIGNS = (b'"traceEvents"', b'"ph"', b'"deviceProperties"', b'"baseTimeNanoseconds"')
CURE = "record it with torch.profiler and export_chrome_trace, with work inside the window"


def recognises(head: bytes) -> bool:
    """Whether a file that begins so is a Chrome trace: JSON with one of its keys."""
    if onnxruntime.recognises(head):  # its form is the same, its events are others
        return False
    start = head.removeprefix(BOM).lstrip()[:1]
    return start in (b"{", b"[") and any(sign in head for sign in SIGNS)


def read(path: Path) -> Recording:
    """The trace as a Recording on its own clock. Raises ``BadInput``."""
    return recording_of(path, _parse(path))


def _parse(path: Path) -> Trace:
    try:
        try:
            return _in_pieces(path, exact=False)
        except NotExact:
            return _in_pieces(path, exact=True)
    except NotInPieces:
        return _whole(path)


def _in_pieces(path: Path, *, exact: bool) -> Trace:
    return joined([read_part(path, exact=exact)], exact=exact)


def _whole(path: Path) -> Trace:
    """A trace of any form, as far as it can be read at all. Raises ``BadInput``."""
    contents, columns = trace_file.contents(path), Columns()
    data = contents.data.removeprefix(BOM)
    try:
        trace = document.read(data)
    except document.UNREADABLE:
        try:
            trace = salvage.salvage(data)
        except ValueError as error:
            raise BadInput(f"{path}: {error}; {CURE}") from error
    columns.add(trace.events)
    columns.close()
    cuts = [*trace.cuts, *([contents.cut] if contents.cut else [])]
    return Trace(columns, trace.about, cuts, trace.dropped)


def recording_of(path: Path, trace: Trace) -> Recording:
    """What was read of the file, in our terms. Raises ``BadInput`` where nothing is of use."""
    columns, base_ns = trace.columns, base_of(trace.about)
    times = times_of(columns, base_ns)
    rows = rows_of(columns, times)
    has_counters = bool((times.sound & (columns.column("kind") == COUNTERS)).any())
    made = Header(
        schema=SCHEMA,
        subject=Subject(kind="trace", name=path.name),
        machine=header.machine(trace.about),
        missing=header.missing(rows.events, has_counters, cut=bool(trace.cuts)),
        notes=header.notes(rows.events),
        lanes=rows.lanes,
        windows=windows_of(columns, times) or marked_windows(columns, base_ns),
        span_ns=span_of(columns, times),
        dropped_events=trace.dropped + columns.dropped + int((~times.sound).sum()),
        cuts=trace.cuts,
        requests_seen=len(rows.requests),
    )  # fmt: skip
    if not len(rows.events) and not len(rows.requests):
        raise BadInput(f"{path}: holds no event that torch.profiler records; {CURE}")
    return Recording(made, rows.events, rows.requests)
