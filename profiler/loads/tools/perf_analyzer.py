"""Triton's perf_analyzer (perf_client): the CSV of ``-f``, in microseconds, with a row per level.

A request's mean is the sum of its parts, where the server told its own. ``Inferences/Second``
counts each item of a batch; by Little's law the batch is what makes rate times mean equal the
concurrency.
"""

from __future__ import annotations

from infprof.profiler.loads.document import Document
from infprof.profiler.loads.load import Level, Load, PhaseTimes, together
from infprof.profiler.loads.values import US, S, count, known, number, times

SIGNS = ((b"Inferences/Second,Client Send",),)
PARTS = (
    "Client Send", "Network+Server Send/Recv", "Server Queue", "Server Compute",
    "Server Compute Input", "Server Compute Infer", "Server Compute Output", "Client Recv",
)  # fmt: skip
PHASES = {
    "queue": ("Server Queue",),
    "input": ("Server Compute Input",),
    "compute": ("Server Compute", "Server Compute Infer"),
    "output": ("Server Compute Output",),
}


def read(document: Document) -> Load:
    """All levels, the least concurrent first."""
    parts = [_level(row) for row in document.records("Inferences/Second")]
    parts.sort(key=lambda one: (one.concurrency or 0, one.offered_per_s or 0))
    return together("perf_analyzer", parts)


def _level(row: dict[str, str]) -> Level:
    users, rate = count(row.get("Concurrency")), number(row.get("Request Rate"))
    request = times(
        US, mean=_mean_us(row), p50=row.get("p50 latency"), p90=row.get("p90 latency"),
        p95=row.get("p95 latency"), p99=row.get("p99 latency"),
    )  # fmt: skip
    return Level(
        label=f"concurrency {users:,}" if users else f"{row.get('Request Rate', '?')} a second",
        achieved_per_s=_requests_per_s(number(row.get("Inferences/Second")), users, request),
        concurrency=users,
        offered_per_s=rate,
        arrivals="closed" if users else "open" if rate else None,
        times=known({"request": request, **{
            phase: times(US, mean=sum(number(row.get(name)) or 0 for name in columns))
            for phase, columns in PHASES.items()
        }}),
    )  # fmt: skip


def _mean_us(row: dict[str, str]) -> float | None:
    """Of a server that tells nothing the CSV has only what the client did before and after."""
    told = number(row.get("Avg latency"))
    if told or "Network+Server Send/Recv" not in row:
        return told
    return sum(number(row.get(part)) or 0 for part in PARTS)


def _requests_per_s(
    inferences: float | None, users: int | None, request: PhaseTimes | None
) -> float | None:
    if not inferences or not users or request is None or request.mean_ns is None:
        return inferences
    return inferences / max(round(inferences * request.mean_ns / S / users), 1)
