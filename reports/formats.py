"""The formats a Report can be written in: the ``as_*`` modules here, and installed strangers'."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from infprof.profiler import registry
from infprof.reports.report import Report


def formats() -> dict[str, ModuleType]:
    """Every format by its file extension. Each has ``EXTENSION`` and ``render(report) -> str``."""
    modules = registry.load("infprof.reports", "infprof.formats", prefix="as-")
    return {module.EXTENSION: module for module in modules.values()}


def render_to(path: Path, report: Report) -> None:
    """Write ``report`` in the format its name ends in. Raises ``ValueError``, ``OSError``."""
    extension, known = path.suffix.lstrip(".").lower(), formats()
    if extension not in known:
        listed = ", ".join(f".{one}" for one in sorted(known))
        raise ValueError(f"{path.name}: no format for this name; known endings: {listed}")
    path.write_text(known[extension].render(report), "utf-8")
