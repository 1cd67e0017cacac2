"""The user's settings: ``infprof.toml``, or ``[tool.infprof]`` in ``pyproject.toml``.

The first of them is taken, from the working folder upwards. Nothing in it names a file to load, so
that a report made in a stranger's folder runs nothing of theirs.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from infprof.profiler.bad_input import BadInput
from infprof.profiler.nearest import no_such
from infprof.setting_values import above_0, names

if TYPE_CHECKING:
    from infprof.profiler.deployment import Deployment

OWN, SHARED = "infprof.toml", "pyproject.toml"

_TABLE = rb"""(?m)^\s*\[?\s*["']?tool["']?\s*(\]|=|\.\s*["']?infprof)"""
"""How a file begins to say something of ours. Most do not, and need no parser."""


class Settings(NamedTuple):
    """What the file says; what it does not say is empty or ``None``."""

    file: str = ""
    """Its name, as to be shown."""
    ignore: tuple[str, ...] = ()
    thresholds: Mapping[str, Mapping[str, object]] = MappingProxyType({})
    """By rule, then by name."""
    price_per_hour: float | None = None
    deployment: Deployment | None = None


def working_folder() -> Path | None:
    """Where to look from; ``None`` where the folder we work in is gone."""
    try:
        return Path.cwd()
    except OSError:
        return None


def read_settings(folder: Path | None) -> Settings:
    """The settings for who works in ``folder``. Raises ``BadInput`` for a file that cannot be
    read, is not TOML, or says what we do not know."""
    for place in () if folder is None else (folder, *folder.parents):
        for name in (OWN, SHARED):
            file = os.path.relpath(place / name, folder)
            if os.path.isfile(place / name) and (found := _table(place / name, file)) is not None:
                return _settings(found, file)
    return Settings()


def _table(path: Path, file: str) -> dict[str, Any] | None:
    """What a file says of us; ``None`` where it says nothing."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{file}: cannot be read ({error.strerror})") from error
    if path.name == OWN:
        return _parsed(file, text)
    if b"infprof" not in text or re.search(_TABLE, text) is None:
        return None
    tools = _parsed(file, text).get("tool")
    found = tools.get("infprof") if isinstance(tools, dict) else None
    if found is not None and not isinstance(found, dict):
        raise BadInput(f"{file}: tool.infprof must be a table")
    return found


def _parsed(file: str, text: bytes) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{file}: is not TOML: {error}") from error


def _settings(table: dict[str, Any], file: str) -> Settings:
    found = dict[str, Any]()
    for name, value in table.items():
        if name == "tool":
            raise BadInput(f"{file}: in a file of ours leave out tool.infprof")
        if name not in _READ:
            otherwise = f"known are {', '.join(_READ)}"
            raise BadInput(f"{file}: {no_such('setting', name, _READ, otherwise)}")
        found[name] = _READ[name](value, f"{file}: {name}")
    return Settings(file, **found)


def _rules(value: object, place: str) -> tuple[str, ...]:
    return names(value, place, "rules", "pageable-copies")


def _by_rule(value: object, place: str) -> dict[str, dict[str, object]]:
    if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
        raise BadInput(f"{place}: must be a table for each rule, as in [{_EXAMPLE}]")
    return value


def _deployment(value: object, place: str) -> Deployment:
    from infprof.deployment_settings import read_deployment  # few have any

    return read_deployment(value, place)


_EXAMPLE = "thresholds.pageable-copies"
_READ: dict[str, Callable[[object, str], object]] = {
    "ignore": _rules,
    "thresholds": _by_rule,
    "price_per_hour": above_0,
    "deployment": _deployment,
}
