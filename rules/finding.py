"""What a rule says: a Verdict, and for each thing wrong a Finding with what its fix would save."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from infprof.profiler.replay import Change

Confidence = Literal["A", "B", "C"]
"""A: durations re-used, about 10 %. B: scaled by a hardware model, about 25 %. C: a ceiling."""

Step = Literal["pipeline", "batching", "precision", "model"]
"""What a fix changes. In this order each is cheaper to try than the next, and changes what the next
is worth: only a fed GPU profits from batches, and only a batch shows which precision limits."""

LESS_SURE: dict[Confidence, Confidence] = {"A": "B", "B": "C", "C": "C"}
"""What is left of a confidence that something lowers by a step."""


class Outcome(str, Enum):
    """How a rule ended. UNKNOWN is never a pass, and neither is IGNORED: the user did not ask."""

    FOUND = "FOUND"
    CLEAR = "CLEAR"
    UNKNOWN = "UNKNOWN"
    FAILED = "FAILED"
    IGNORED = "IGNORED"


class Unknown(Exception):
    """Raised by a rule that cannot judge; the message says why, in one plain clause."""


@dataclass(frozen=True, slots=True)
class Saving:
    """What a fix would take off one request's wall, as an interval of nanoseconds."""

    low_ns: int
    high_ns: int
    confidence: Confidence = "B"
    basis: Literal["replay", "bound", "measured", "none"] = "bound"

    def __post_init__(self) -> None:
        if not 0 <= self.low_ns <= self.high_ns:
            raise ValueError(f"not an interval of savings: {self.low_ns} .. {self.high_ns} ns")


@dataclass(frozen=True, slots=True)
class Where:
    """One place the time goes to: a kernel, a copy, a range, an op. Times are per request."""

    name: str
    count: float | None
    """Occurrences per request; ``None`` where sampling cannot count them."""
    time_ns: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Fix:
    """What to change. ``code`` is ready to paste; ``risk`` says what may break."""

    text: str
    code: str
    risk: str
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth changing, with evidence. The title is an imperative sentence."""

    title: str
    why: str
    """One or two plain sentences with the numbers seen."""
    stage: str
    saving: Saving
    fix: Fix
    where: tuple[Where, ...] = ()
    change: Change | None = None
    """What the fix changes at most, for replays together with others; ``None``: it takes its
    saving's part of the stage."""
    rate: float = 1.0
    """In which part of the requests it changes that: the hits of a cache."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule's answer, with the reason where it is not FOUND."""

    rule: str
    outcome: Outcome
    reason: str = ""
    findings: tuple[Finding, ...] = field(default_factory=tuple)
    doubts_others: bool = False
    """It is about the measurement, and comes before all that the measurement shows."""
    step: Step | None = None
    """Of its fixes; ``None``: the model's where a finding is about compute, else the pipeline's."""
    about_machine: bool = False
    """It may say why a measurement is not valid, and stands in such a one."""
