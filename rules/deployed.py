"""What the owner of a service says of it: ``[deployment]`` in the settings, for rules that ask."""

from __future__ import annotations

from typing import TypeVar

from infprof.profiler.deployment import Deployment
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Saving, Unknown

Value = TypeVar("Value")

NO_TIME = Saving(0, 0, "C", "none")
"""Of findings that cost failures or money, but none of a request's time."""


def deployment(evidence: Evidence) -> Deployment:
    """All that is said; empty where nothing is."""
    return evidence.header.deployment or Deployment()


def said_of_deployment(evidence: Evidence) -> Deployment:
    """What is said, for a rule about nothing else. Raises ``Unknown`` where nothing is."""
    if evidence.header.deployment is None:
        raise Unknown("the settings have no table [deployment] (docs/settings.md)")
    return evidence.header.deployment


def needed(value: Value | None, setting: str, what: str) -> Value:
    """The value of a setting that a rule cannot judge without. Raises ``Unknown``, which names
    it."""
    if value is None:
        raise Unknown(f"{what} is not known: {setting} in [deployment] of the settings says it")
    return value
