"""Which engine wrote a metrics page."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator

from infprof.profiler.serving.engines import Engine, Names, engines
from infprof.profiler.serving.page import Page

TABLES = ("times", "sums", "sizes", "counts", "gauges")
ENDINGS = ("", "_bucket")
"""What a metric's name has after it on a page: nothing, or that of a histogram."""


def engine_of(page: Page) -> Engine | None:
    """The engine that tells most on the page: some run inside another, and both write there. Its
    names are as the page spells them. ``None`` where no known one wrote it."""
    found = [one for one in engines() if any(_spelled(one, one.seen_by, page))]
    spelled = [_as_on(page, one) for one in found]
    return max(spelled, key=_told, default=None)


def _as_on(page: Page, engine: Engine) -> Engine:
    """The table with the names alone that the page has."""
    tables = {
        table: {quantity: list(_spelled(engine, names, page)) for quantity, names in rows.items()}
        for table in TABLES
        if (rows := getattr(engine, table))
    }
    settings = {
        setting: place.model_copy(update={"metric": name})
        for setting, place in engine.settings.items()
        for name in list(_spelled(engine, [place.metric], page))[:1]
    }
    return engine.model_copy(update={**tables, "settings": settings})


def _spelled(engine: Engine, names: Names, page: Page) -> Iterator[str]:
    for pattern in (spelling for name in names for spelling in _spellings(engine, name)):
        for end in ENDINGS:
            if "*" in pattern:
                written = sorted(fnmatch.filter(page.values, pattern + end))
            else:
                written = [pattern + end] if page.values.get(pattern + end) else []
            yield from (name.removesuffix(end) for name in written)


def _spellings(engine: Engine, name: str) -> Iterator[str]:
    yield name
    for start, others in engine.spellings.items():
        if name.startswith(start):
            yield from (other + name.removeprefix(start) for other in others)


def _told(engine: Engine) -> int:
    """How many quantities are on the page."""
    return sum(bool(names) for table in TABLES for names in getattr(engine, table).values())
