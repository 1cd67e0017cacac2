"""How a service is deployed: what no recording can show, as its owner says it in the settings file
(docs/settings.md). Rules about serving and scaling need it; what is not said is ``None``.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

SIGNALS = (
    "cpu", "memory", "gpu_utilization", "gpu_memory", "queue", "concurrency", "request_rate",
    "kv_cache", "latency",
)  # fmt: skip
"""What a deployment can be scaled on. ``queue`` is of waiting requests, ``concurrency`` of all that
are there."""


class Deployment(BaseModel):
    """The service around the model."""

    model_config = ConfigDict(extra="ignore", defer_build=True)
    client_timeout_s: float | None = None
    """After which the first of those who wait for an answer gives up: a client, a proxy, a load
    balancer."""
    streaming: bool | None = None
    """Whether answers are sent piece by piece as they are made."""
    latency_target_ms: float | None = None
    """For the 95th percentile of requests."""
    min_replicas: int | None = None
    idle_timeout_s: float | None = None
    """After which a replica without requests is taken away."""
    cold_start_s: float | None = None
    """From the wish for a replica to its first answer: image, weights, warm-up."""
    scale_on: list[str] = Field(default_factory=list)
    """``SIGNALS`` by which the number of replicas follows the load."""
    resize_on: list[str] = Field(default_factory=list)
    """Those by which a vertical autoscaler changes what a replica may use."""
    gpu_prices: dict[str, float] = Field(default_factory=dict)
    """Per GPU and hour in whatever currency, by name as in ``gpus.json``."""
