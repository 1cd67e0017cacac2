"""Requests whose model calls take longer and longer, step by step: a sequence that is being made.

A decode loop without a cache gives the model the whole sequence again for each new token, so the
n-th call costs n steps. With a cache the calls after the first (the prompt) cost about the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infprof.profiler.intervals import Int64Array
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence

FEW_CALLS = 8
"""Of fewer calls a rising order is no surprise: with 8, one order in 40 000."""

RANK_CORRELATION = 0.85
"""Durations in steady growth with noise of 10 % reach 0.9; 8 random ones 0.85 once in 200 times."""

GROWTH = 1.3
"""The last third of the calls over the first, at least: less is noise, or the cache being read."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """The calls of the model that one request called most."""

    rows: Rows
    durations_ns: Int64Array


@dataclass(frozen=True, slots=True)
class Steps:
    """How long each call of a typical request takes, from the first to the last."""

    durations_ns: Int64Array

    @classmethod
    def of(cls, found: list[Decoding]) -> Steps:
        """The lower quartile over requests, step by step: a neighbour on the machine only ever
        slows a step, and hardly the same one of most requests. Requests with fewer calls than most
        are left out."""
        usual = int(np.median([len(one.rows) for one in found]))
        whole = [one.durations_ns[:usual] for one in found if len(one.rows) >= usual]
        return cls(np.quantile(np.array(whole), 0.25, axis=0).astype(np.int64))

    @property
    def grow(self) -> bool:
        """Whether the calls take longer from the first to the last, steadily and by much."""
        ranks = np.argsort(np.argsort(self.durations_ns, kind="stable"))
        order = np.arange(len(ranks))
        correlation = float(np.corrcoef(order, ranks)[0, 1])
        return self.growth >= GROWTH and correlation >= RANK_CORRELATION

    @property
    def first_ns(self) -> int:
        """Median of the first third of the calls."""
        return int(np.median(self.durations_ns[: len(self.durations_ns) // 3]))

    @property
    def growth(self) -> float:
        """Median of the last third of the calls over that of the first third."""
        last = self.durations_ns[-(len(self.durations_ns) // 3) :]
        return float(np.median(last) / max(self.first_ns, 1))

    @property
    def extra_ns(self) -> int:
        """What the calls take beyond what the first few do, as they would with a cache or less."""
        return int(np.maximum(self.durations_ns - self.first_ns, 0).sum())

    def repeated_ns(self, prompt: float | None) -> int:
        """What the calls after the first take beyond a step that computes one token. The first
        computes as many as ``prompt`` steps; where that is not known, a step alone counts as
        nothing."""
        later, alone = self.durations_ns[1:], 0.0
        if prompt is not None:
            growth, first = np.polyfit(np.arange(len(self.durations_ns)), self.durations_ns, 1)
            alone = max(first - growth * (prompt - 1), 0.0)
        return int(np.maximum(later - alone, 0).sum())


def decodings(evidence: Evidence) -> list[Decoding]:
    """Warm requests with many calls of one model, each with those calls."""
    table, events = evidence.recording.requests, evidence.timeline.events
    spans, found = evidence.timeline.model_spans, []
    for row in _warm(evidence).tolist():
        whole = [table.start_ns[row], table.end_ns[row]]
        mine = spans[slice(*np.searchsorted(events.start_ns[spans], whole).tolist())]
        mine = mine[events.lane[mine] == table.lane[row]]
        names, counts = np.unique(events.name[mine], return_counts=True)
        if len(counts) and counts.max() >= FEW_CALLS:
            calls = mine[events.name[mine] == names[counts.argmax()]]
            found.append(_decoding(evidence, calls))
    return found


def of_explained_ns(evidence: Evidence, found: list[Decoding], time_ns: int) -> int:
    """What ``time_ns`` in each generation is of an explained request: its share of the time of all
    warm ones."""
    table, warm = evidence.recording.requests, _warm(evidence)
    walls = int((table.end_ns - table.start_ns)[warm].sum())
    return round(evidence.wall_ns * min(time_ns * len(found) / max(walls, 1), 1.0))


def _warm(evidence: Evidence) -> Rows:
    return np.flatnonzero(evidence.recording.requests.warm)


def _decoding(evidence: Evidence, calls: Rows) -> Decoding:
    """With how long the calls took. Beside a GPU a call returns before its work is done: there the
    time to the next call tells, as each token is waited for, and the last call is left out."""
    if evidence.device_use != "used":
        return Decoding(calls, evidence.timeline.durations(calls))
    return Decoding(calls[:-1], np.diff(evidence.timeline.events.start_ns[calls]))
