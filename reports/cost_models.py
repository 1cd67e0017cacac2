"""What the Report says of money and energy; part of ``infprof.report/1``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", defer_build=True)


class CostSaving(_Model):
    """What a finding saves of the cost of 1,000 requests, in the unit of the price."""

    low_per_1000: float
    high_per_1000: float


class Cost(_Model):
    """In the unit of the price that the user gave, whatever that is."""

    price_per_hour: float | None = None
    per_1000_requests: float | None = None
    """At the rate at which they were served."""
    energy_per_request_j: float | None = None
    """Of all sampled GPUs, idle or not."""
    missing: dict[str, str] = Field(default_factory=dict)
    """Which of it is not known, and why: ``per_1000_requests``, ``savings``, ``energy``."""
