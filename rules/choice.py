"""Which rules are asked: the catalog's, a user's own, some with other thresholds, some ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType

from infprof.profiler import registry


@dataclass(frozen=True, slots=True)
class Choice:
    """The rules of one diagnosis."""

    rules: Mapping[str, ModuleType]
    """Every rule by its id, ignored ones among them."""
    ignored: Mapping[str, str] = field(default_factory=dict)
    """Rules that are not asked, each with who says so."""


def catalog() -> dict[str, ModuleType]:
    """Every rule by its id: the folder's and the installed strangers'."""
    return registry.load("infprof.rules.catalog", "infprof.rules")
