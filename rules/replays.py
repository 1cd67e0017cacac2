"""What a request would save with something changed, by replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, reduce

import numpy as np
import numpy.typing as npt

from infprof.profiler.breakdown import OF_THE_DEVICE, Breakdown, stage_of
from infprof.profiler.intervals import Intervals
from infprof.profiler.layers import DEVICE_LEAVES, device_leaves
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Rows, Timeline
from infprof.profiler.what_if import WhatIf


class Replays:
    """Asks common questions once, for rules, verdict and outlook. All times are ns of the mean
    request."""

    def __init__(self, what_if: WhatIf, timeline: Timeline, breakdown: Breakdown) -> None:
        self._what_if, self._timeline, self._breakdown = what_if, timeline, breakdown
        self._answers: dict[str | frozenset[int], int] = {}

    def saved_ns(self, change: Change, rate: float = 1.0) -> int:
        """What would be saved, if such a part of the requests were changed."""
        return int(self._what_if.saved_ns(change) * rate)

    def saved_without_ns(self, stage: str) -> int:
        """What would be saved without a stage. It is less than the time exposed where something
        else takes as long meanwhile."""
        if stage not in self._answers:
            self._answers[stage] = self.saved_ns(self.without(stage))
        return self._answers[stage]

    def saved_of_ns(self, stage: str, time_ns: int) -> int:
        """What would be saved if a stage's exposed time were so much less."""
        exposed = self._breakdown.exposed_ns(stage) // max(len(self._breakdown.requests), 1)
        if not time_ns:
            return 0
        if time_ns >= exposed:
            return min(time_ns, self.saved_without_ns(stage))
        return min(time_ns, self.saved_ns(self.without(stage, time_ns / exposed)))

    def saved_without_waits_ns(self, calls: Rows) -> int:
        """What would be saved if these calls waited for the device no more."""
        waits = frozenset(calls.tolist())
        if waits not in self._answers:
            self._answers[waits] = self.saved_ns(Change(waits_removed=waits))
        return self._answers[waits]

    def together(self, *changes: Change) -> Change:
        """All of them. Device work takes the shortest of the times they give it, and what any of
        them adds: what one makes longer, another does not undo."""
        both = reduce(Change.and_also, changes, Change())
        if both.device_ns is None:
            return both
        recorded = self._what_if.shorter()
        times = np.minimum(both.device_ns, recorded)
        for one in changes:
            if one.device_ns is not None:
                times = times + np.maximum(one.device_ns - recorded, 0)
        return replace(both, device_ns=times)

    def _also_without(self, stage: str, fixed: Change) -> Change:
        """A stage away too, with what was added to its work."""
        gone = self.without(stage)
        both, now = fixed.and_also(gone), fixed.device_ns
        if now is None or gone.device_ns is None or both.device_ns is None:
            return both
        is_gone = gone.device_ns < self._what_if.shorter()
        return replace(both, device_ns=np.where(is_gone, both.device_ns, now))

    def worth_most(
        self, at_most: Mapping[str, int], after: Change | None = None, saved: int = 0
    ) -> tuple[str, int]:
        """The stage whose absence would save most, and how much. ``at_most`` says what to ask for,
        and how much each stage can save at most; ``after`` a change that has ``saved`` so much."""
        best, most = "", -1
        for stage in sorted(at_most, key=lambda one: (-at_most[one], one)):
            if at_most[stage] <= most:
                break
            if after is None:
                worth = self.saved_without_ns(stage)
            else:
                worth = self.saved_ns(self._also_without(stage, after)) - saved
            if worth > most:
                best, most = stage, worth
        return best, max(most, 0)

    def without(self, stage: str, part: float = 1.0) -> Change:
        """The change that takes away a part of a stage's time, evenly from all of its pieces."""
        leaves = [leaf for leaf in DEVICE_LEAVES if stage_of(leaf) == stage]
        rows = self._timeline.device_rows[np.isin(self._device_leaves, leaves)]
        spans = self._host(stage)
        gone = ((spans.end - spans.start) * part).astype(np.int64)
        host = Intervals(spans.start, spans.start + gone)
        return Change(self._what_if.shorter((rows, part)), host)

    def shorter(self, *parts: tuple[Rows, float]) -> Change:
        """The change that takes away such parts of the time of some device work."""
        return Change(self._what_if.shorter(*parts))

    def _host(self, stage: str) -> Intervals:
        leaves = [
            leaf
            for leaf in self._breakdown.leaves
            if stage_of(leaf) == stage and leaf not in OF_THE_DEVICE
        ]
        return self._breakdown.exposed_intervals(*leaves)

    @cached_property
    def _device_leaves(self) -> npt.NDArray[np.object_]:
        return device_leaves(self._timeline)
