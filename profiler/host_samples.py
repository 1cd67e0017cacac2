"""The sampled stacks of a recording with their labels, and which of them are of requests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from infprof.profiler import names
from infprof.profiler.call_stages import CallStages, Label
from infprof.profiler.events import STAGES, Kind
from infprof.profiler.intervals import Int64Array, holds, innermost, union
from infprof.profiler.recording import Recording
from infprof.profiler.stacks import Stacks

if TYPE_CHECKING:
    from infprof.profiler.timeline import Rows

Mask = npt.NDArray[np.bool_]


def _is_users(range_name: str) -> bool:
    """Whether a range with a stage is neither around a library's entry point nor a model's call."""
    return not names.entry_of(range_name) and names.model_call(range_name) is None


@dataclass(frozen=True)
class HostSamples:
    """Columns of one length: the samples, each with its stage and leaf."""

    recording: Recording

    @property
    def stacks(self) -> Stacks:
        return self.recording.stacks

    def __len__(self) -> int:
        return len(self.stacks)

    @property
    def time_ns(self) -> Int64Array:
        return self.stacks.time_ns

    @property
    def lane(self) -> npt.NDArray[np.int32]:
        return self.stacks.lane

    @cached_property
    def stages(self) -> CallStages:
        """The judge of this recording's calls."""
        return CallStages(self.stacks.calls, self._model_calls)

    @cached_property
    def _distinct(self) -> tuple[list[Label], Rows]:
        """The labels that occur, and for each sample which."""
        pairs = self.stacks.call.astype(np.int64) * 256 + self.stacks.state
        distinct, place = np.unique(pairs, return_inverse=True)
        return [self.stages.label(*divmod(pair, 256)) for pair in distinct.tolist()], place

    @property
    def _model_calls(self) -> list[int]:
        known = self.recording.header.model_calls
        return [call for call in known if 0 <= call < len(self.stacks.calls)]

    def _column(self, name: str) -> npt.NDArray[np.object_]:
        labels, place = self._distinct
        values = np.empty(len(labels), object)
        values[:] = [getattr(label, name) for label in labels]
        found: npt.NDArray[np.object_] = values[place]
        return found

    @cached_property
    def stage(self) -> npt.NDArray[np.object_]:
        """One of ``STAGES`` for each sample: what the user declared there, else its label's."""
        found, events = self._column("stage"), self.recording.events
        rows = np.flatnonzero((events.kind == Kind.RANGE) & (events.stage >= 0))
        rows = rows[[_is_users(events.names[name]) for name in events.name[rows].tolist()]]
        for lane in np.unique(events.lane[rows]):
            mine = rows[events.lane[rows] == lane]
            spans, owner = innermost(events.intervals(mine))
            sampled = np.flatnonzero(self.lane == lane)
            sampled = sampled[holds(spans, self.time_ns[sampled])]
            place = np.searchsorted(spans.start, self.time_ns[sampled], side="right") - 1
            found[sampled] = np.array(STAGES, object)[events.stage[mine[owner[place]]]]
        return found

    @cached_property
    def leaf(self) -> npt.NDArray[np.object_]:
        """``stage.what``: the user's function, or the kind of wait."""
        return self._column("leaf")

    @cached_property
    def library(self) -> npt.NDArray[np.object_]:
        """The known library's function that decided, else empty."""
        return self._column("library")

    @cached_property
    def user_call(self) -> npt.NDArray[np.int64]:
        """The user's innermost call, -1 where there is none."""
        return self._column("call").astype(np.int64)

    @cached_property
    def of_requests(self) -> Mask:
        """Which samples caught a thread serving a warm request, traced or not."""
        found = np.zeros(len(self), bool)
        for lane in self.recording.serving_lanes().tolist():
            served = union(self.recording.served(lane))
            found |= (self.lane == lane) & holds(served, self.time_ns)
        return found
