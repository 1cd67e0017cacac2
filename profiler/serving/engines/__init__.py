"""One table per engine: what it calls the quantities that all have. The folder is the registry.

Of several names for one quantity (releases differ) the first that is on the page counts; in a name
``*`` stands for anything, where an engine puts the user's words into it. All times are in units of
``unit_ns``: ``times`` are histograms, ``sums`` running totals over the counted requests. ``sizes``
are histograms of plain numbers; ``counts`` only grow; ``gauges`` go up and down; ``settings`` are
what a label of a metric says.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from pydantic import BaseModel, Field

Names = list[str]


class Setting(BaseModel):
    """Where an engine writes one of its settings."""

    metric: str
    label: str


class Engine(BaseModel):
    """A table as read."""

    name: str
    seen_by: Names
    """A page with one of these metrics is this engine's."""
    spellings: dict[str, list[str]] = Field(default_factory=dict)
    """By how names begin, how they begin where another server passes the metrics on."""
    model_label: str | None = None
    probes: dict[str, list[str]] = Field(default_factory=dict)
    """By label the values that health checks have: what they count is no request."""
    unit_ns: int = 1_000_000_000
    times: dict[str, Names] = Field(default_factory=dict)
    sums: dict[str, Names] = Field(default_factory=dict)
    whole: list[str] = Field(default_factory=list)
    """Phases that one request goes through, where the engine times no whole one."""
    sizes: dict[str, Names] = Field(default_factory=dict)
    counts: dict[str, Names] = Field(default_factory=dict)
    gauges: dict[str, Names] = Field(default_factory=dict)
    settings: dict[str, Setting] = Field(default_factory=dict)


@cache
def engines() -> tuple[Engine, ...]:
    """All tables, by file name."""
    tables = sorted(files(__package__).iterdir(), key=lambda file: file.name)
    return tuple(
        Engine.model_validate_json(file.read_bytes())
        for file in tables
        if file.name.endswith(".json")
    )
