"""Which rules are asked: the catalog's, a user's own, some with other thresholds, some ignored."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import NamedTuple

from infprof.profiler import registry


class Choice(NamedTuple):
    """The rules of one diagnosis."""

    rules: Mapping[str, ModuleType]
    """Every rule by its id, ignored ones among them."""
    ignored: Mapping[str, str] = MappingProxyType({})
    """Rules that are not asked, each with who says so."""


def catalog() -> dict[str, ModuleType]:
    """Every rule by its id: the folder's and the installed strangers'."""
    return registry.load("infprof.rules.catalog", "infprof.rules")
