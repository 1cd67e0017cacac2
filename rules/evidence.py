"""Evidence: the read-only view of the facts that a rule is given. All times are per request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from infprof.profiler import names
from infprof.profiler.breakdown import Breakdown
from infprof.profiler.device import DeviceFacts
from infprof.profiler.events import Flag, Kind
from infprof.profiler.intervals import Intervals, holds, intersect, length, union
from infprof.profiler.latency import Latency
from infprof.profiler.recording import Header, Recording
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Rows, Timeline
from infprof.profiler.what_if import WhatIf
from infprof.rules.finding import Where
from infprof.rules.replays import Replays

Need = Literal[
    "device",
    "ops",
    "shapes",
    "requests",
    "work",
    "latency",
    "gpu_samples",
    "host_samples",
    "stacks",
    "served",
    "load",
    "service",
]
"""``service`` is always met: the rule judges what is known of all requests together, and how they
are served, so that it needs none that was seen."""

SEEN_BY_TRACER: tuple[Need, ...] = ("device", "ops", "shapes")
"""Where no request was traced, what the tracer saw beside them tells nothing of them."""


@dataclass(frozen=True)
class Evidence:
    """Facts about one recording. A rule names what it cannot do without in ``NEEDS``."""

    recording: Recording
    timeline: Timeline
    breakdown: Breakdown
    device: DeviceFacts
    latency: Latency

    @property
    def header(self) -> Header:
        """Machine, settings, switches, notes."""
        return self.recording.header

    @property
    def requests(self) -> int:
        """How many requests the breakdown explains; a watched server's work counts as one."""
        return 1 if self.header.is_of_stretches else len(self.breakdown.requests)

    @property
    def is_whole(self) -> bool:
        """No requests are known: all times are of the whole that was looked at."""
        header = self.header
        return header.is_of_stretches or not (len(self.recording.requests) or header.tells_a_mean)

    @property
    def wall_ns(self) -> int:
        """Mean wall of the explained requests."""
        return self.per_request(self.breakdown.wall_ns)

    def per_request(self, total_ns: int) -> int:
        """A total over all explained requests as the mean of one, rounded down."""
        return total_ns // max(self.requests, 1)

    def exposed_ns(self, *leaves: str) -> int:
        """Exposed time per request of these leaves or stages (``"h2d"``, ``"python.launch"``)."""
        return self.per_request(self.breakdown.exposed_ns(*leaves))

    def share(self, time_ns: int) -> float:
        """A time per request as a share of the wall."""
        return time_ns / self.wall_ns if self.wall_ns else 0.0

    @cached_property
    def covered(self) -> Intervals:
        """The time of all explained requests, as one set."""
        return union(
            Intervals(
                np.array([one.request.start_ns for one in self.breakdown.requests], np.int64),
                np.array([one.request.end_ns for one in self.breakdown.requests], np.int64),
            )
        )

    def inside(self, rows: Rows) -> Rows:
        """The rows that start within an explained request."""
        chosen: Rows = rows[holds(self.covered, self.timeline.events.start_ns[rows])]
        return chosen

    def rows(
        self, kind: Kind, classify: Callable[[str], str | None] | None = None, *labels: str
    ) -> Rows:
        """Rows of a kind within the explained requests, all or with these labels of their name."""
        if classify is None:
            return self.inside(self.timeline.by_kind[kind])
        return self.inside(self.timeline.where(kind, classify, *labels))

    def named(self, kind: Kind, *full_names: str) -> Rows:
        """Rows of a kind with exactly one of these names, within the explained requests."""
        return self.rows(kind, lambda name: "yes" if name in full_names else None, "yes")

    def exposed_part_ns(self, rows: Rows, *leaves: str) -> int:
        """How much of these rows' time was exposed as these leaves, per request."""
        busy = self.timeline.busy(rows)
        return self.per_request(
            sum(length(intersect(one.exposed(*leaves), busy)) for one in self.breakdown.requests)
        )

    @cached_property
    def replays(self) -> Replays | None:
        """Replays of the explained requests; ``None`` where they cannot be had or believed."""
        if self.breakdown.paths is None:
            return None
        found = WhatIf(self.timeline, self.breakdown.paths)
        return Replays(found, self.timeline, self.breakdown) if found.is_believed else None

    @cached_property
    def device_busy_ns(self) -> int:
        """How long the device worked in the explained requests, all together."""
        busy = self.timeline.busy(self.timeline.device_rows)
        return length(intersect(busy, self.covered))

    def shorter(self, *parts: tuple[Rows, float]) -> Change | None:
        """The change that takes away such parts of the time of some device work; ``None`` where no
        replay tells what it would save."""
        return None if self.replays is None else self.replays.shorter(*parts)

    def saved_ns(self, otherwise: int, change: Change | None) -> int:
        """What a request would save by a change; ``otherwise`` where no replay tells."""
        if self.replays is None or change is None:
            return otherwise
        return self.replays.saved_ns(change)

    @cached_property
    def basis(self) -> Literal["replay", "bound"]:
        """What ``saved_ns`` rests on."""
        return "bound" if self.replays is None else "replay"

    def top(self, rows: Rows, most: int = 5) -> tuple[Where, ...]:
        """The names among these rows that took longest, with count and time per request."""
        indices, time = self.timeline.events.name[rows], self.timeline.durations(rows)
        found = [
            (int(time[indices == index].sum()), int((indices == index).sum()), int(index))
            for index in np.unique(indices)
        ]
        return tuple(
            Where(
                names.short_name(self.timeline.events.names[index]),
                count / max(self.requests, 1),
                self.per_request(total),
            )
            for total, count, index in sorted(found, reverse=True)[:most]
        )

    def flagged(self, rows: Rows, flag: Flag) -> npt.NDArray[np.bool_]:
        """Which rows carry a flag."""
        return np.asarray((self.timeline.events.flags[rows] & int(flag)) != 0, np.bool_)

    def series(self, name: str) -> npt.NDArray[np.float64] | None:
        """All sampled values of a series over its devices, ``None`` if it was not sampled."""
        chosen = [i for i, one in enumerate(self.header.series) if one.name == name]
        values = self.recording.samples.value[np.isin(self.recording.samples.series, chosen)]
        return values if len(values) else None

    @cached_property
    def device_use(self) -> Literal["used", "unused", "unknown"]:
        """Whether the program worked on a GPU, as far as the recording can tell."""
        if self.timeline.has_device:
            return "used"
        launched = self.timeline.where(Kind.CALL, names.call_class, "launch", "graph", "copy")
        if len(launched) or not len(self.timeline.by_kind[Kind.OP]) or self.header.cuts:
            return "unknown"
        return "unused"

    def lacks(self, need: Need) -> str | None:
        """Why a need is not met, or ``None`` if it is."""
        header = self.header
        if need in SEEN_BY_TRACER and len(self.timeline.events) > 0 and not self.timeline.traced:
            return "no request ran under the tracer"
        answers: dict[Need, tuple[bool, str]] = {
            "device": (
                self.timeline.has_device,
                header.missing.get("kernels", "no device activity was recorded"),
            ),
            "ops": (
                len(self.timeline.by_kind[Kind.OP]) > 0,
                header.missing.get("ops", "no framework operators were recorded"),
            ),
            "shapes": (
                bool((self.timeline.events.shapes >= 0).any()),
                header.missing.get("shapes", "operator shapes were not recorded"),
            ),
            "requests": (
                len(self.recording.requests) > 0 and not header.is_of_stretches,
                header.missing.get("requests", "the recording marks no requests"),
            ),
            "work": (
                len(self.recording.requests) > 0,
                header.missing.get("requests", "the recording marks no requests"),
            ),
            "latency": (
                self.latency.requests > 0,
                "no request ran without the tracer after warm-up",
            ),
            "gpu_samples": (
                any(one.source == "gpu" for one in header.series),
                header.missing.get("gpu", "NVML was not sampled"),
            ),
            "host_samples": (
                any(one.source == "host" for one in header.series),
                header.missing.get("host", "the host was not sampled"),
            ),
            "served": (header.served is not None, "no serving engine told anything"),
            "load": (header.load is not None, "no load test was read"),
            "service": (True, ""),
            "stacks": (
                bool(self.timeline.samples.of_requests.any()),
                header.missing.get("stacks", "no stacks were sampled while requests ran"),
            ),
        }
        met, reason = answers[need]
        return None if met else reason
