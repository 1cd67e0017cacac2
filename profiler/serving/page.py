"""A metrics page in Prometheus' text format, as servers show it at ``/metrics``."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Page:
    """The values by metric name, with their labels."""

    values: Mapping[str, list[tuple[Mapping[str, str], float]]] = field(default_factory=dict)
    unread: int = 0
    """Lines that are no sample of the format."""

    def total(self, name: str) -> float | None:
        """All values of a metric together, whatever their labels; ``None`` where there is none."""
        found = self._numbers(name)
        return sum(found) if found else None

    def largest(self, name: str) -> float | None:
        """The largest value of a metric; ``None`` where there is none."""
        return max(self._numbers(name), default=None)

    def labels(self, label: str) -> set[str]:
        """What a label says anywhere on the page."""
        rows = (row for rows in self.values.values() for row in rows)
        return {labels[label] for labels, _ in rows if label in labels}

    def without(self, unwanted: Mapping[str, Collection[str]]) -> Page:
        """The page without the values that have one of these labels."""
        if not unwanted:
            return self
        kept = {
            name: [
                (labels, value)
                for labels, value in rows
                if not any(labels.get(label) in values for label, values in unwanted.items())
            ]
            for name, rows in self.values.items()
        }
        return Page(kept, self.unread)

    def _numbers(self, name: str) -> list[float]:
        return [value for _, value in self.values.get(name, []) if math.isfinite(value)]


def read_page(text: str) -> Page:
    """Each line on its own, so that one that is wrong costs no other."""
    values: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    unread = 0
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        try:
            for family in text_string_to_metric_families(line):
                for sample in family.samples:
                    values.setdefault(sample.name, []).append((sample.labels, sample.value))
        except (ValueError, IndexError, KeyError):
            unread += 1
    return Page(values, unread)
