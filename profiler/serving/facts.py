"""From metrics pages of one server, in order of time, to what it did meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from infprof.profiler.serving.engines import Engine, Names, engines
from infprof.profiler.serving.histogram import Histogram, histogram
from infprof.profiler.serving.page import Page
from infprof.profiler.serving.served import Served, Times


def served(pages: Sequence[Page], window_ns: int | None = None) -> Served | None:
    """``None`` where no known engine wrote the pages. Of a single page the values count since the
    server began; of several the difference between the first and the last."""
    engine = next((one for one in engines() if _wrote(one, pages[-1])), None)
    if engine is None:
        return None
    first, last = (pages[0] if len(pages) > 1 else None), pages[-1]
    found = _Between(engine, first, last)
    times = {**found.histograms(), **found.sums()}
    return Served(
        engine=engine.name,
        models=sorted(last.labels(engine.model_label)) if engine.model_label else [],
        window_ns=window_ns if len(pages) > 1 else None,
        times=times,
        counts=found.counts(engine.counts),
        gauges=_gauges(engine, pages),
    )


def _wrote(engine: Engine, page: Page) -> bool:
    return any(
        page.values.get(name) or page.values.get(f"{name}_bucket") for name in engine.seen_by
    )


class _Between:
    """What changed from one page to another."""

    def __init__(self, engine: Engine, first: Page | None, last: Page) -> None:
        self.engine, self.first, self.last = engine, first, last

    def counts(self, wanted: Mapping[str, Names]) -> dict[str, int]:
        grown = {quantity: self._grown(names) for quantity, names in wanted.items()}
        return {quantity: round(value) for quantity, value in grown.items() if value is not None}

    def histograms(self) -> dict[str, Times]:
        found = {phase: self._histogram(names) for phase, names in self.engine.times.items()}
        return {
            phase: _times(one, self.engine.unit_ns)
            for phase, one in found.items()
            if one is not None and one.count > 0
        }

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


def _gauges(engine: Engine, pages: Sequence[Page]) -> dict[str, list[float]]:
    """A gauge that not every page has is left out. Requests of several workers add up; of shares
    the largest counts."""
    found = {}
    for quantity, names in engine.gauges.items():
        values = [
            _gauge(page, names, is_count=quantity in ("running", "waiting")) for page in pages
        ]
        known = [value for value in values if value is not None]
        if len(known) == len(pages):
            found[quantity] = known
    return found


def _gauge(page: Page, names: Names, *, is_count: bool) -> float | None:
    for name in names:
        value = page.total(name) if is_count else page.largest(name)
        if value is not None:
            return value
    return None
