"""When to warm up, when to time without a tracer, and when to trace. Pure decisions, no clock.

After the cold request and a short warm-up come cycles of untraced and traced requests. The first
cycle is short, so that a script of a dozen requests gets a composition too; after the last cycle
nothing is traced any more, so an endless script pays only for its first windows.
"""

from __future__ import annotations

from dataclasses import dataclass

from infprof.profiler.phase import Phase

LONG_REQUEST_NS = 1_000_000_000
"""A cold request this long has warmed up whatever it uses; another would cost the user dearly."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many requests to spend on what."""

    warmup: int = 3
    """Dropped requests, the cold one included."""
    plain: int = 10
    """Untraced requests before each window; the first window waits for a fifth of them."""
    window: int = 5
    """Traced requests a window."""
    windows: int = 3
    """0 traces nothing."""
    window_seconds: float = 5.0
    """A window closes at the end of the first request that is past this."""


class Schedule:
    """Hands each new request its phase."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.started = self.traced = 0
        self.left_in_phase = 0
        self.windows_left = plan.windows
        self.first_cycle = True
        self.phase = Phase.COLD
        self._enter(Phase.COLD if plan.warmup > 0 else self._after_warmup())

    def next(self) -> Phase:
        """The phase of the request that starts now."""
        while self.left_in_phase == 0:
            self._enter(self._following())
        self.left_in_phase -= 1
        self.started += 1
        self.traced += self.phase == Phase.TRACED
        return self.phase

    def cold_took(self, wall_ns: int) -> None:
        """After the cold request: a long one ends the warm-up."""
        if wall_ns >= LONG_REQUEST_NS and self.phase in (Phase.COLD, Phase.WARMUP):
            self.left_in_phase = 0
            self.phase = Phase.WARMUP

    def put_back(self) -> None:
        """The traced request just handed out cannot be traced yet: the next one is to be."""
        self.left_in_phase += 1
        self.started -= 1
        self.traced -= 1

    def stop_window(self) -> None:
        """The window was closed early, or could not be opened: go on untraced."""
        if self.phase == Phase.TRACED:
            self.left_in_phase = 0

    def stop_tracing(self) -> None:
        """No further windows."""
        self.windows_left = 0
        self.stop_window()

    @property
    def window_is_over(self) -> bool:
        """Whether the next request is not to be traced."""
        return self.phase != Phase.TRACED or self.left_in_phase == 0

    @property
    def settled(self) -> bool:
        """Whether every further request is plain: nothing is left to decide."""
        return self.phase == Phase.PLAIN and self.windows_left <= 0

    def _following(self) -> Phase:
        if self.phase == Phase.COLD and self.plan.warmup > 1:
            return Phase.WARMUP
        if self.phase == Phase.PLAIN and self.windows_left > 0:
            return Phase.TRACED
        return self._after_warmup()

    def _after_warmup(self) -> Phase:
        straight_on = self.plan.plain == 0 and self.windows_left > 0
        return Phase.TRACED if straight_on else Phase.PLAIN

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        counts = {
            Phase.COLD: 1,
            Phase.WARMUP: self.plan.warmup - 1,
            Phase.PLAIN: self._plain_count(),
            Phase.TRACED: max(self.plan.window, 1),
        }
        self.left_in_phase = counts[phase]
        if phase == Phase.TRACED:
            self.windows_left -= 1
            if self.first_cycle and self.plan.windows > 1:
                self.left_in_phase = min(self.left_in_phase, 2)
            self.first_cycle = False

    def _plain_count(self) -> int:
        if self.windows_left <= 0:
            return 1 << 62  # for ever
        return max(self.plan.plain // 5, 1) if self.first_cycle else max(self.plan.plain, 1)
