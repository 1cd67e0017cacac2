"""How long requests took when no tracer was on, and how much the tracer slowed them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import Int64Array
from infprof.profiler.loads.load import Load, PhaseTimes
from infprof.profiler.recording import Phase, Recording, Requests
from infprof.profiler.serving.served import Served, Times


@dataclass(frozen=True, slots=True)
class Latency:
    """Statistics of untraced requests after warm-up; ``None`` where there were none."""

    requests: int
    """Requests the statistics come from."""
    walls_ns: Int64Array
    """Their walls in order of start."""
    mean_ns: int | None
    p50_ns: int | None
    p95_ns: int | None
    p99_ns: int | None
    throughput_per_s: float | None
    """Finished requests per second of the time in which at least one was under way or due."""
    cold_ns: int | None
    """The very first request."""
    traced_p50_ns: int | None
    spread: float | None
    """Interquartile range over the median: the noise a difference must exceed."""
    work_spread: float | None
    """The same of the time in which threads worked for them, where that is known."""

    @property
    def distortion(self) -> float | None:
        """Median wall under the tracer over median wall without; 1.0 is an honest tracer."""
        if not self.p50_ns or not self.traced_p50_ns:
            return None
        return self.traced_p50_ns / self.p50_ns


def measure_latency(recording: Recording) -> Latency:
    """Read the requests table. Failed requests count: a user waited for them too."""
    told = recording.header.served
    if told is not None and (recording.header.is_of_stretches or not len(recording.requests)):
        return _of_served(told)
    if recording.header.tells_only_of_load and recording.header.load is not None:
        return _of_load(recording.header.load)
    table = Requests.of([]) if recording.header.is_of_stretches else recording.requests
    walls = table.end_ns - table.start_ns
    plain = walls[table.phase == Phase.PLAIN]
    cold, traced = walls[table.phase == Phase.COLD], walls[table.phase == Phase.TRACED]
    p50, p95, p99 = (_percentile(plain, q) for q in (50, 95, 99))
    worked = recording.stints.worked_ns(table.number[table.phase == Phase.PLAIN])
    return Latency(
        requests=len(plain),
        walls_ns=plain,
        mean_ns=round(float(plain.mean())) if len(plain) else None,
        p50_ns=p50,
        p95_ns=p95,
        p99_ns=p99,
        throughput_per_s=_throughput(table),
        cold_ns=int(cold[0]) if len(cold) else None,
        traced_p50_ns=_percentile(traced, 50),
        spread=_spread(plain),
        work_spread=_spread(worked),
    )


def _of_served(told: Served) -> Latency:
    request = told.times.get("request") or Times(count=0, mean_ns=0)
    seconds = (told.window_ns or 0) / 1e9
    return Latency(
        requests=request.count,
        walls_ns=np.zeros(0, np.int64),
        mean_ns=request.mean_ns if request.count else None,
        p50_ns=request.p50_ns,
        p95_ns=request.p95_ns,
        p99_ns=request.p99_ns,
        throughput_per_s=request.count / seconds if seconds else None,
        cold_ns=None,
        traced_p50_ns=None,
        spread=None,
        work_spread=None,
    )


def _of_load(told: Load) -> Latency:
    """As the clients saw it. A sweep has no latency of its own, each of its levels has."""
    request = told.times.get("request") or PhaseTimes()
    return Latency(
        requests=request.count or 0,
        walls_ns=np.zeros(0, np.int64),
        mean_ns=request.mean_ns,
        p50_ns=request.p50_ns,
        p95_ns=request.p95_ns,
        p99_ns=request.p99_ns,
        throughput_per_s=told.achieved_per_s,
        cold_ns=None,
        traced_p50_ns=None,
        spread=None,
        work_spread=None,
    )


def _percentile(walls: npt.NDArray[np.int64], q: float) -> int | None:
    return int(np.percentile(walls, q, method="nearest")) if len(walls) else None


def _spread(walls: npt.NDArray[np.int64]) -> float | None:
    p25, p50, p75 = (_percentile(walls, q) for q in (25, 50, 75))
    return (p75 - p25) / p50 if p50 and p75 is not None and p25 is not None else None


def _throughput(table: Requests) -> float | None:
    """Requests over the time of each unbroken run of untraced ones (windows cut the runs)."""
    plain = table.phase == Phase.PLAIN
    starts = np.flatnonzero(plain & np.concatenate(([True], ~plain[:-1])))
    ends = np.flatnonzero(plain & np.concatenate((~plain[1:], [True])))
    time = sum(
        int(table.end_ns[first : last + 1].max() - table.start_ns[first])
        for first, last in zip(starts, ends, strict=True)
    )
    return int(plain.sum()) / (time / 1e9) if time else None
