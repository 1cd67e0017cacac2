"""One table per engine: what it calls the quantities that all have. The folder is the registry.

Of several names for one quantity (releases differ) the first that is on the page counts. ``times``
are histograms in seconds; ``sums`` are pairs of a running total in units of ``unit_ns`` and the
count of requests; ``counts`` only grow; ``gauges`` go up and down.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from pydantic import BaseModel, Field

Names = list[str]


class Engine(BaseModel):
    """A table as read."""

    name: str
    seen_by: Names
    """A page with one of these metrics is this engine's."""
    model_label: str | None = None
    unit_ns: int = 1_000_000_000
    times: dict[str, Names] = Field(default_factory=dict)
    sums: dict[str, Names] = Field(default_factory=dict)
    counts: dict[str, Names] = Field(default_factory=dict)
    gauges: dict[str, Names] = Field(default_factory=dict)


@cache
def engines() -> tuple[Engine, ...]:
    """All tables, by file name."""
    tables = sorted(files(__package__).iterdir(), key=lambda file: file.name)
    return tuple(
        Engine.model_validate_json(file.read_bytes())
        for file in tables
        if file.name.endswith(".json")
    )
