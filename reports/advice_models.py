"""What the Report says of techniques that people ask about; part of ``infprof.report/1``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class AdviceRow(BaseModel):
    """One technique, whether anything was found or not."""

    model_config = ConfigDict(extra="ignore", defer_build=True)

    technique: str
    outcome: Literal["CEILING", "UNKNOWN", "NO_PLACE"]
    """How much it saves at most, or why that cannot be said, or why it has no place here."""
    high_ms: float | None = None
    share_high: float | None = None
    """Of the wall."""
    reason: str
    sentence: str
