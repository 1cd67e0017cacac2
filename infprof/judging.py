"""How a recording is to be judged: what the command line and the settings file ask for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infprof.asked import Asked
from infprof.settings_file import read_settings, working_folder

if TYPE_CHECKING:
    from infprof.rules.choice import Choice


@dataclass(frozen=True, slots=True)
class Judging:
    """What ``diagnose`` is told beside the recording."""

    choice: Choice | None = None
    """The rules to ask; ``None``: the whole catalog as it is."""


def judging(asked: Asked | None = None, folder: Path | None = None) -> Judging:
    """What is asked for, and what the settings say to who works in ``folder``.

    The rules are loaded only where something is said of them. Raises ``BadInput``.
    """
    asked = asked or Asked()
    settings = read_settings(folder or working_folder())
    if not (asked.ignore or asked.rules or settings.ignore or settings.thresholds):
        return Judging()
    from infprof.rules.choosing import choose

    ignored = [(rule, settings.file) for rule in settings.ignore]
    ignored += [(rule, "--ignore") for rule in asked.ignore]
    return Judging(choose(ignored, settings.thresholds, asked.rules, settings.file))
