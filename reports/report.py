"""The Report: one versioned JSON document (``infprof.report/1``) from which every format renders.

Additive changes only; anything else is a new number. Unknown is ``null``. Savings are never summed.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticSerializationError

from infprof.profiler.loads.load import Load
from infprof.profiler.serving.served import Served
from infprof.reports.advice_models import AdviceRow
from infprof.reports.cost_models import Cost, CostSaving
from infprof.reports.roofline_models import Roofline

SCHEMA = "infprof.report/1"


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True, defer_build=True)


class Tool(_Model):
    version: str
    overhead: dict[str, float] = Field(default_factory=dict)
    """What infprof itself cost, in ms by cause."""
    program_ms: float | None = None
    """The stretch of the program's time that was recorded."""


class Subject(_Model):
    kind: Literal["run", "attach", "trace", "profile", "load"]
    name: str
    command: list[str] = Field(default_factory=list)
    exit_code: int | None = None


class Note(_Model):
    code: str
    text: str


class Quality(_Model):
    level: Literal["good", "limited", "invalid"]
    basis: Literal["critical-path", "occupancy", "sampled"]
    notes: list[Note] = Field(default_factory=list)


class Latency(_Model):
    """Of requests that ran without the tracer, after warm-up."""

    requests: int
    mean_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    throughput_per_s: float | None = None
    cold_ms: float | None = None
    requests_seen: int = 0
    failed: int = 0
    """Requests that raised; their times are in the statistics, for a user waited for them too."""
    traced_p50_ms: float | None = None
    distortion: float | None = None
    """Median wall under the tracer over the median without it."""
    histogram: list[tuple[float, float, int]] = Field(default_factory=list)
    """(from ms, to ms, requests)."""


class Leaf(_Model):
    leaf: str
    exposed_ms: float
    busy_ms: float


class StageRow(_Model):
    stage: str
    exposed_ms: float
    busy_ms: float
    share: float
    exposed_ns: int
    """Total over all explained requests; these sum to ``wall_ns`` exactly."""
    leaves: list[Leaf] = Field(default_factory=list)


class BreakdownRow(_Model):
    """Milliseconds are the mean of one request, ``*_ns`` the total over ``requests``."""

    wall_ms: float
    wall_ns: int
    requests: int
    stages: list[StageRow] = Field(default_factory=list)
    absent: list[str] = Field(default_factory=list)
    """Stages that cannot exist here (no GPU: no ``h2d``, no ``d2h``): that is not 0 %."""


class PathPiece(_Model):
    """A stretch of a request, by the stage that has most of it; ms from the request's start."""

    stage: str
    start_ms: float
    end_ms: float


class PathRow(_Model):
    """What one request waited for, from start to end."""

    name: str
    wall_ms: float
    stages: dict[str, float] = Field(default_factory=dict)
    """Exposed ms by stage: these sum to the wall."""
    leaves: dict[str, float] = Field(default_factory=dict)
    pieces: list[PathPiece] = Field(default_factory=list)


class Copy(_Model):
    direction: str
    memory: str
    count: int
    bytes: int
    ms: float


class Device(_Model):
    """Totals over the whole recording."""

    kernels: int
    kernel_busy_ms: float
    gpu_busy_ms: float
    window_ms: float | None = None
    span_ms: float | None = None
    copies: list[Copy] = Field(default_factory=list)
    mfu: float | None = None
    mbu: float | None = None


class VerdictSentence(_Model):
    stage: str | None
    share: float | None
    limit: str
    sentence: str


class SavingRow(_Model):
    basis: Literal["replay", "bound", "measured", "none"]
    low_ms: float
    high_ms: float
    share_low: float
    share_high: float
    speedup_low: float
    speedup_high: float
    confidence: Literal["A", "B", "C"]
    of: Literal["request", "whole"] = "request"
    """The whole that was looked at, where no requests are known."""


class WhereRow(_Model):
    name: str
    count: float | None = None
    ms: float
    detail: str = ""


class FixRow(_Model):
    text: str
    code: str
    risk: str
    references: list[str] = Field(default_factory=list)


class FindingRow(_Model):
    rule: str
    title: str
    why: str
    stage: str
    severity: Literal["high", "medium", "low", "info"]
    saving: SavingRow
    repeats: int | None = None
    """Place in ``findings`` (from 0) of the one that would save mostly the same time."""
    cost: CostSaving | None = None
    where: list[WhereRow] = Field(default_factory=list)
    fix: FixRow


class OutlookRow(_Model):
    """The mean request after the first fixes, if each saves the most that it may."""

    fixes: int
    wall_ms: float
    stage: str | None
    """What then limits."""
    sentence: str


class VerdictRow(_Model):
    rule: str
    outcome: Literal["FOUND", "CLEAR", "UNKNOWN", "FAILED", "IGNORED"]
    reason: str = ""


class FlameNode(_Model):
    """A function on sampled stacks, with what it called."""

    name: str
    samples: int
    share: float
    """Of all samples that caught a request."""
    user: bool
    children: list[FlameNode] = Field(default_factory=list)


class HotFunction(_Model):
    """A function of the user's with what it, or a library it called, spent in one stage."""

    name: str
    """With its hottest line: ``resize (serve.py:42)``."""
    ms: float
    share: float


class FlameStage(_Model):
    """What sampled stacks say of one stage. Small and deep nodes are left out."""

    stage: str
    samples: int
    share: float
    children: list[FlameNode] = Field(default_factory=list)
    functions: list[HotFunction] = Field(default_factory=list)


class Chart(_Model):
    """One quantity over time, thinned for drawing: minimum and maximum of each slice are kept."""

    name: str
    unit: str
    source: str
    device: int | None = None
    time_s: list[float] = Field(default_factory=list)
    value: list[float] = Field(default_factory=list)
    mean: float | None = None
    highest: float | None = None


class Report(_Model):
    """Everything a reader or a CI job may want to know."""

    schema_: str = Field(default=SCHEMA, alias="schema")
    tool: Tool
    subject: Subject
    machine: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)
    quality: Quality
    latency: Latency
    breakdown: BreakdownRow
    paths: list[PathRow] = Field(default_factory=list)
    """Of the median and of the slowest request that the breakdown explains."""
    device: Device
    roofline: Roofline | None = None
    """``None`` where no work of known size was recorded: ``missing`` says why."""
    verdict: VerdictSentence
    findings: list[FindingRow] = Field(default_factory=list)
    outlook: list[OutlookRow] = Field(default_factory=list)
    """After the first fix, and after all."""
    verdicts: list[VerdictRow] = Field(default_factory=list)
    advice: list[AdviceRow] = Field(default_factory=list)
    """What techniques that people ask about could save at most."""
    cost: Cost | None = None
    """``None`` where no price was given and no power was sampled."""
    flame: list[FlameStage] = Field(default_factory=list)
    """Empty where no stacks were sampled: ``missing`` says why. The main stage comes first."""
    charts: list[Chart] = Field(default_factory=list)
    serving: Served | None = None
    """What a serving engine told of itself."""
    load: Load | None = None
    """What a load generator measured from outside."""
    missing: dict[str, str] = Field(default_factory=dict)
    """What was not measured, and why."""

    def to_json(self, indent: int | None = 1) -> str:
        """The document as text; NaN cannot occur, it becomes ``null``."""
        try:
            return self.model_dump_json(by_alias=True, indent=indent)
        except PydanticSerializationError:  # a file name or an argument that is not UTF-8
            whole = Report.model_validate(_encodable(self.model_dump(by_alias=True)))
            return whole.model_dump_json(by_alias=True, indent=indent)


def _encodable(value: Any) -> Any:
    """``value`` with halves of surrogate pairs written out, which no encoding can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encodable(item) for item in value]
    return value
