"""The plan of a session as the settings that a recording keeps."""

from __future__ import annotations

from dataclasses import asdict

from infprof.profiler.schedule import Plan


def settings_of(plan: Plan) -> dict[str, int | float | str | bool | None]:
    """Each knob by its name on the command line."""
    return asdict(plan)
