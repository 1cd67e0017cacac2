"""What a serving engine did meanwhile, in one vocabulary for all engines."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Times(BaseModel):
    """How long one phase of the requests took."""

    model_config = ConfigDict(extra="ignore", defer_build=True)
    count: int
    mean_ns: int
    p50_ns: int | None = None
    """Percentiles are ``None`` where the engine tells only a sum, or where one lies beyond the last
    bound of its histogram."""
    p95_ns: int | None = None
    p99_ns: int | None = None


class Sizes(BaseModel):
    """How large something was, each time: a batch, a step. No unit."""

    model_config = ConfigDict(extra="ignore", defer_build=True)
    count: int
    mean: float
    p50: float | None = None
    """``None`` where it lies beyond the last bound of the histogram."""
    p99: float | None = None


class Served(BaseModel):
    """Differences between two metrics pages, or one page's values since the server began."""

    model_config = ConfigDict(extra="ignore", defer_build=True)
    engine: str
    models: list[str] = Field(default_factory=list)
    window_ns: int | None = None
    """Between the first page and the last; ``None``: since the server began."""
    times: dict[str, Times] = Field(default_factory=dict)
    """By phase: ``request`` is all of it, ``queue``, ``prefill``, ``decode``, ``compute`` parts;
    ``first_token``, ``between_tokens`` and ``per_token`` are TTFT, ITL and TPOT."""
    sizes: dict[str, Sizes] = Field(default_factory=dict)
    """``batch``: inferences that one run of the model made; ``step_tokens``: of one engine step."""
    counts: dict[str, int] = Field(default_factory=dict)
    """``requests``, ``generated_tokens``, ``preemptions`` ..."""
    gauges: dict[str, list[float]] = Field(default_factory=dict)
    """A value for each page: ``running`` and ``waiting`` requests, ``kv_use`` from 0 to 1."""
    settings: dict[str, str] = Field(default_factory=dict)
    """``prefix_caching``, ``kv_cache_type`` ..., in the engine's own words."""
