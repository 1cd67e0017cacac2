"""The folder is the registry: every module of a package, and every entry point of a group."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any


def names(package: str, prefix: str = "") -> list[str]:
    """Module names in ``package``, underscores as hyphens, sorted. Imports none of them."""
    path = importlib.import_module(package).__path__
    found = sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(path))
    return [name for name in found if name.startswith(prefix)]


def load(package: str, group: str, prefix: str = "") -> dict[str, ModuleType]:
    """Modules of ``package`` (those whose name starts so) and of strangers' entry-point ``group``.

    A stranger's module that does not import is left out: it must not stop the tool.
    """
    found = {
        name: importlib.import_module(f"{package}.{name.replace('-', '_')}")
        for name in names(package, prefix)
    }
    for entry in _installed().select(group=group):
        try:
            found[entry.name] = entry.load()
        except ImportError:
            continue
    return found


@cache
def _installed() -> Any:
    """All packages' entry points, to ``select`` from; looking through them all takes a while."""
    return entry_points()
