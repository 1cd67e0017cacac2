"""One group of figures per file, named for what it measures; the folder is the registry.

A calibrator is a module with ``measure(bench) -> Measured``. It works on the GPU where the bench
says so, else on the CPU, raises ``Unavailable("why")`` where it has nothing to measure, keeps to
the bench's time, restores the switches of torch that it changes, and keeps nothing allocated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from infprof.profiler.clock import now_ns
from infprof.profiler.collectors import Unavailable as Unavailable
from infprof.profiler.probes.memory import available_bytes
from infprof.profiler.repeats import Work

BURST = 200
"""Launches between two waits for the GPU: well below the 1024 or so that its queue holds, so that
the host never waits within a burst."""


class Figures(TypedDict, total=False):
    """Part of a ``Calibration``, by its names."""

    flops_per_s: dict[str, float]
    bandwidth_bytes_per_s: float
    copy_bytes_per_s: dict[str, float]
    dispatch_ns: int
    launch_ns: int
    gap_ns: int
    graph_gap_ns: int
    sync_ns: int
    cores: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What one calibrator found."""

    figures: Figures
    spreads: dict[str, float] = field(default_factory=dict)
    """By how much the repeats of each rate differed, see ``Times.spread``."""
    missing: dict[str, str] = field(default_factory=dict)
    """Figures of the group that could not be had, each with the reason."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where to measure, and how long."""

    on_gpu: bool
    until_ns: int
    """On our clock."""
    root: Path = Path("/")
    """The folder that holds ``proc`` and ``sys``."""

    @property
    def device(self) -> str:
        """As torch calls it."""
        return "cuda" if self.on_gpu else "cpu"

    def part(self, parts: int) -> int:
        """The end of the first of so many equal parts of the time that is left."""
        now = now_ns()
        return now + max(0, self.until_ns - now) // parts

    def free_bytes(self) -> int | None:
        """Memory of the device that nobody uses; ``None`` where that is not known."""
        if not self.on_gpu:
            return available_bytes(self.root)
        import torch

        return torch.cuda.mem_get_info()[0]


def device_time(bench: Bench, work: Callable[[], object]) -> Work:
    """Times ``work`` on the device: by CUDA events, on the CPU by the host's clock."""
    return _by_events(work) if bench.on_gpu else _by_host_clock(work)


def host_time(bench: Bench, work: Callable[[], object]) -> Work:
    """Times only the host's part of ``work``: the GPU, if any, is waited for between bursts."""
    return _by_bursts(work) if bench.on_gpu else _by_host_clock(work)


def _by_host_clock(work: Callable[[], object]) -> Work:
    def timed(count: int) -> float:
        start = now_ns()
        for _ in range(count):
            work()
        return now_ns() - start

    return timed


def _by_events(work: Callable[[], object]) -> Work:
    import torch

    def timed(count: int) -> float:
        start, end = timing_events()
        torch.cuda.synchronize()
        start.record()
        for _ in range(count):
            work()
        end.record()
        return between_ns(start, end)

    return timed


def timing_events() -> tuple[Any, Any]:
    """Two CUDA events that know when the device came to them."""
    import torch

    event: Any = torch.cuda.Event  # its methods have no types
    return event(enable_timing=True), event(enable_timing=True)


def between_ns(start: Any, end: Any) -> float:
    """Waits for the second event; the device's time from the first to it."""
    end.synchronize()
    return float(start.elapsed_time(end)) * 1e6  # it says milliseconds


def _by_bursts(work: Callable[[], object]) -> Work:
    import torch

    burst = _by_host_clock(work)

    def timed(count: int) -> float:
        elapsed = 0.0
        for done in range(0, count, BURST):
            torch.cuda.synchronize()
            elapsed += burst(min(BURST, count - done))
        return elapsed

    return timed
