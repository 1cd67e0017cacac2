"""What the Report says of the hardware's limits; part of ``infprof.report/1``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", defer_build=True)


class RooflineRow(_Model):
    """Device work of one kernel family and executed precision; rates are while it ran."""

    family: str
    precision: str | None = None
    busy_ms: float
    """In all traced requests together."""
    busy_share: float
    """Of the device's busy time."""
    known_share: float
    """Of the row's time, how much has known operations or bytes."""
    flops_per_s: float | None = None
    bytes_per_s: float | None = None
    """From the least bytes that the operators must move."""
    flop_per_byte: float | None = None
    bound_by: Literal["compute", "memory", "latency"] | None = None
    reached_share: float | None = None
    """Of the nearer ceiling."""


class Roofline(_Model):
    """What the traced requests' work reached of the device's ceilings. MFU and MBU are over the
    wall of the requests, all else is while the work ran."""

    device: str | None = None
    source: Literal["calibration", "table"] | None = None
    """Where the ceilings come from; ``None``: they are not known."""
    mfu: float | None = None
    mbu: float | None = None
    known_share: float
    """Of the busy time, how much has known operations or bytes."""
    rows: list[RooflineRow] = Field(default_factory=list)
