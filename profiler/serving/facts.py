"""From metrics pages of one server, in order of time, to what it did meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from infprof.profiler.serving.engines import Engine, Names
from infprof.profiler.serving.histogram import Histogram, histogram
from infprof.profiler.serving.page import Page
from infprof.profiler.serving.recognise import engine_of
from infprof.profiler.serving.served import Served, Sizes, Times

LONGEST_SETTING = 40
"""Characters of a setting that are kept: it is a number or a word."""

ADDED_UP = ("running", "waiting")
"""Requests of several workers add up; of other gauges the largest counts."""


def served(pages: Sequence[Page], window_ns: int | None = None) -> Served | None:
    """``None`` where no known engine wrote the pages. Of a single page the values count since the
    server began; of several the difference between the first and the last."""
    engine = engine_of(pages[-1])
    if engine is None:
        return None
    pages = [page.without(engine.probes) for page in pages]
    first, last = (pages[0] if len(pages) > 1 else None), pages[-1]
    found = _Between(engine, first, last)
    return Served(
        engine=engine.name,
        models=sorted(last.labels(engine.model_label)) if engine.model_label else [],
        window_ns=window_ns if len(pages) > 1 else None,
        times=_with_whole(engine, {**found.times(), **found.sums()}),
        sizes=found.sizes(),
        counts=found.counts(),
        gauges=_gauges(engine, pages),
        settings=_settings(engine, last),
    )


class _Between:
    """What changed from one page to another."""

    def __init__(self, engine: Engine, first: Page | None, last: Page) -> None:
        self.engine, self.first, self.last = engine, first, last

    def counts(self) -> dict[str, int]:
        grown = {quantity: self._grown(names) for quantity, names in self.engine.counts.items()}
        return {quantity: round(value) for quantity, value in grown.items() if value is not None}

    def times(self) -> dict[str, Times]:
        found = self._histograms(self.engine.times)
        return {phase: _times(one, self.engine.unit_ns) for phase, one in found.items()}

    def sizes(self) -> dict[str, Sizes]:
        return {
            quantity: Sizes(
                count=round(one.count), mean=one.total / one.count, p50=one.quantile(0.50),
                p99=one.quantile(0.99),
            )
            for quantity, one in self._histograms(self.engine.sizes).items()
        }  # fmt: skip

    def sums(self) -> dict[str, Times]:
        requests = self._grown(self.engine.counts.get("requests", []))
        totals = {phase: self._grown(names) for phase, names in self.engine.sums.items()}
        if not requests:
            return {}
        return {
            phase: Times(
                count=round(requests), mean_ns=round(total / requests * self.engine.unit_ns)
            )
            for phase, total in totals.items()
            if total is not None
        }

    def _grown(self, names: Names) -> float | None:
        """By how much a counter grew; all of it where the server began anew meanwhile."""
        for name in names:
            now = self.last.total(name)
            if now is not None:
                then = self.first.total(name) if self.first is not None else None
                return now if then is None or then > now else now - then
        return None

    def _histograms(self, wanted: Mapping[str, Names]) -> dict[str, Histogram]:
        """Those with a value in them."""
        found = {quantity: self._histogram(names) for quantity, names in wanted.items()}
        return {
            quantity: one for quantity, one in found.items() if one is not None and one.count > 0
        }

    def _histogram(self, names: Names) -> Histogram | None:
        for name in names:
            now = histogram(self.last, name)
            if now is not None:
                return now.since(None if self.first is None else histogram(self.first, name))
        return None


def _times(found: Histogram, unit_ns: int) -> Times:
    def ns(value: float | None) -> int | None:
        return None if value is None else round(value * unit_ns)

    return Times(
        count=round(found.count), mean_ns=round(found.total / found.count * unit_ns),
        p50_ns=ns(found.quantile(0.50)), p95_ns=ns(found.quantile(0.95)),
        p99_ns=ns(found.quantile(0.99)),
    )  # fmt: skip


def _with_whole(engine: Engine, times: dict[str, Times]) -> dict[str, Times]:
    """With the whole request as the sum of its phases, where the engine does not time it. There
    are as many as of the phase that most went through."""
    parts = [times[phase] for phase in engine.whole if phase in times]
    if "request" in times or not parts:
        return times
    count = max(part.count for part in parts)
    total = sum(part.mean_ns * part.count for part in parts)
    return {"request": Times(count=count, mean_ns=round(total / count)), **times}


def _gauges(engine: Engine, pages: Sequence[Page]) -> dict[str, list[float]]:
    """A gauge that not every page has is left out."""
    found = {}
    for quantity, names in engine.gauges.items():
        read = Page.total if quantity in ADDED_UP else Page.largest
        values = [_gauge(page, names, read) for page in pages]
        known = [value for value in values if value is not None]
        if len(known) == len(pages):
            found[quantity] = known
    return found


def _gauge(page: Page, names: Names, read: Callable[[Page, str], float | None]) -> float | None:
    values = (read(page, name) for name in names)
    return next((value for value in values if value is not None), None)


def _settings(engine: Engine, page: Page) -> dict[str, str]:
    """What all of the engine's workers have in common."""
    found = {}
    for setting, place in engine.settings.items():
        said = {labels.get(place.label) for labels, _ in page.values.get(place.metric, [])}
        if len(said) == 1 and (word := said.pop()) is not None:
            found[setting] = word[:LONGEST_SETTING]
    return found
