"""One source of facts per file, named for what it sees.

A sampling collector is a class ``Collector`` with ``start(target)`` and ``stop() -> Facts``.
``start`` raises ``Unavailable("why")`` when the source is not there: an ordinary answer, not an
error. A collector derives nothing, keeps nothing after ``stop`` and undoes whatever it did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # the profiled process imports this file and should not load pydantic for it
    from infprof.profiler.py_spy_trace import PySpyTrace
    from infprof.profiler.recording import Machine, Note, Series


class Unavailable(Exception):
    """This source gives nothing here; the message says why, in one plain clause."""


@dataclass(frozen=True, slots=True)
class Target:
    """The process to watch and, from its environment, the devices it can see."""

    pid: int
    cuda_visible_devices: str | None = None
    """Its ``CUDA_VISIBLE_DEVICES``, or ``None`` where it is not set."""
    is_ours: bool = True
    """We started it, and record it from inside too; else it runs on after us."""


@dataclass(frozen=True, slots=True)
class Spied:
    """Stacks that py-spy saw, on its clock, and what we saw meanwhile on ours."""

    trace: PySpyTrace
    states: list[tuple[int, int, int]]
    """(our time, native thread id, ``stacks.State``): what the kernel said."""
    between: tuple[int, int]
    """The bounds of what is to be added to its clock to get ours."""
    interval_ns: int
    cost_ns: int
    """CPU time that py-spy took."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a collector saw between ``start`` and ``stop``."""

    series: list[Series] = field(default_factory=list)
    points: list[tuple[int, int, float]] = field(default_factory=list)
    """Rows of (index into ``series``, time on ``CLOCK_MONOTONIC`` in ns, value)."""
    machine: Machine | None = None
    """The part of the machine's description that this source knows; the rest left ``None``."""
    notes: list[Note] = field(default_factory=list)
    stacks: Spied | None = None
    missing: dict[str, str] = field(default_factory=dict)
    """What this source could not see after all, each with the reason."""


class SamplingCollector(Protocol):
    """What ``session`` and ``launch`` ask of the class ``Collector`` in each file here."""

    def start(self, target: Target) -> None:
        """Begin to sample in the background. Raises ``Unavailable``."""

    def stop(self) -> Facts:
        """End, undo, and hand over what was seen. Never raises."""
