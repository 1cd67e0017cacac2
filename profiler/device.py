"""What the device did, in plain totals: kernels, copies, busy time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from infprof.profiler import names
from infprof.profiler.events import Kind
from infprof.profiler.intervals import length
from infprof.profiler.timeline import Timeline


@dataclass(frozen=True, slots=True)
class CopyTotal:
    """All copies of one direction and kind of host memory."""

    direction: str
    memory: str
    count: int
    size_bytes: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """Totals over the whole recording, not over requests. ``None``: no device work was observed."""

    kernels: int
    kernel_busy_ns: int
    """Union of kernel intervals."""
    gpu_busy_ns: int
    """Union of kernel, copy and memset intervals."""
    window_ns: int | None
    """First to last device event."""
    span_ns: int | None
    """First to last event of any kind."""
    copies: tuple[CopyTotal, ...]


def device_facts(timeline: Timeline) -> DeviceFacts:
    """Count and measure the device's work."""
    events, rows = timeline.events, timeline.device_rows
    kernels = timeline.by_kind[Kind.KERNEL]
    window = int(events.end_ns[rows].max() - events.start_ns[rows].min()) if len(rows) else None
    span = timeline.recording.header.span_ns
    if span is None and len(events):
        span = int(events.end_ns.max() - events.start_ns.min())
    return DeviceFacts(
        kernels=len(kernels),
        kernel_busy_ns=length(timeline.busy(kernels)),
        gpu_busy_ns=length(timeline.busy(rows)),
        window_ns=window,
        span_ns=span,
        copies=_copies(timeline),
    )


def _copies(timeline: Timeline) -> tuple[CopyTotal, ...]:
    rows = timeline.by_kind[Kind.COPY]
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    labels = zip(
        timeline.label(rows, names.copy_direction),
        timeline.label(rows, names.copy_memory),
        rows.tolist(),
        strict=True,
    )
    for direction, memory, row in labels:
        groups[(direction, memory)].append(row)
    events = timeline.events
    return tuple(
        CopyTotal(
            direction,
            memory,
            len(chosen),
            sum(max(int(events.size_bytes[row]), 0) for row in chosen),
            sum(int(events.end_ns[row] - events.start_ns[row]) for row in chosen),
        )
        for (direction, memory), chosen in sorted(groups.items())
    )
