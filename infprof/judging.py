"""How a recording is to be judged: what the command line and the settings file ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from infprof.asked import Asked
from infprof.setting_values import above_0
from infprof.settings_file import read_settings, working_folder

if TYPE_CHECKING:
    from infprof.profiler.deployment import Deployment
    from infprof.rules.choice import Choice


class Judging(NamedTuple):
    """What ``diagnose`` is told beside the recording."""

    choice: Choice | None = None
    """The rules to ask; ``None``: the whole catalog as it is."""
    price_per_hour: float | None = None
    """Of the machine, in whatever currency."""
    deployment: Deployment | None = None
    """How the service is deployed; ``None``: as the recording says."""


def judging(asked: Asked | None = None, folder: Path | None = None) -> Judging:
    """What is asked for, and what the settings say to who works in ``folder``.

    The rules are loaded only where something is said of them. Raises ``BadInput``.
    """
    asked = asked or Asked()
    settings = read_settings(folder or working_folder())
    price_per_hour = settings.price_per_hour
    if asked.price_per_hour is not None:
        price_per_hour = above_0(asked.price_per_hour, "--price-per-hour")
    if not (asked.ignore or asked.rules or settings.ignore or settings.thresholds):
        return Judging(None, price_per_hour, settings.deployment)
    from infprof.rules.choosing import choose

    ignored = [(rule, settings.file) for rule in settings.ignore]
    ignored += [(rule, "--ignore") for rule in asked.ignore]
    choice = choose(ignored, settings.thresholds, asked.rules, settings.file)
    return Judging(choice, price_per_hour, settings.deployment)
