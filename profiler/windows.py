"""The windows of a session: when one opens and closes, at the gate and within a budget."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from infprof.profiler import annotate
from infprof.profiler.call_tree import raised_by_user
from infprof.profiler.collectors.kernels import Window
from infprof.profiler.gate import SECONDS, Gate
from infprof.profiler.heap_holes import HEAP_HOLES
from infprof.profiler.phase import Phase
from infprof.profiler.schedule import Plan, Schedule

OVERDUE_NS = 30_000_000_000
"""A window that finds no gate for this long after its time is closed without one: an endless trace
would fill the memory for certain."""

BUDGET_NS, BUDGET_SHARE = 300_000_000, 0.01
"""Windows may cost this much, or this share of the time so far; a further one waits until then.
Closing one takes torch 10 us for each event in it, and what a request cost in the last window is
what it will cost in the next."""

STRAGGLERS = "a thread was at work since before the recording, and never seen at rest"


class Windows:
    """One at a time, of a session whose gate's ``lock`` its callers hold."""

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        gate: Gate,
        notes: dict[str, str],
        closed: Callable[[], None],
    ) -> None:
        """``notes`` takes what is to be said; ``closed`` is called after each window."""
        self.folder, self.plan, self.gate, self.notes, self.closed = (
            folder,
            plan,
            gate,
            notes,
            closed,
        )
        self.schedule = Schedule(plan)
        self.began_ns = perf_counter_ns()
        self.open_ns = self.close_ns = 0
        self.done: list[dict[str, Any]] = []
        self._window: Window | None = None
        self._since_ns = 0
        self._was_held = False
        """Requests were held once for the open window to close: they are not held again."""

    @property
    def cost_ns(self) -> int:
        """What opening and closing took so far."""
        return self.open_ns + self.close_ns

    @property
    def is_open(self) -> bool:
        """Whether the tracer is on."""
        return self._window is not None

    @property
    def settled(self) -> bool:
        """Whether none is open and none will be."""
        return self.schedule.settled and not self.is_open

    def begin_anew(self) -> None:
        """What a request is has changed: those so far count for nothing."""
        self.schedule = Schedule(self.plan)

    def open_no_more(self) -> None:
        """None from now on; an open one closes at the gate."""
        self.plan = replace(self.plan, windows=0)  # what begins anew has none either
        self.schedule.stop_tracing()

    def next_phase(self, thread: int) -> Phase:
        """The phase of the request that arrives in ``thread``, which may be held for it."""
        phase = self.schedule.next()
        if phase == Phase.TRACED and self._is_long():
            self.schedule.stop_window()
            phase = Phase.PLAIN
        if phase == Phase.TRACED and not self.is_open:
            self._try_to_open(thread)
        elif phase != Phase.TRACED and self.is_open:
            self._try_to_close(thread)
        if self.is_open:
            return Phase.TRACED
        return Phase.PLAIN if phase == Phase.TRACED else phase

    def after_request(self, whole: bool) -> None:
        """Close the window if that was its last request and none is under way; if not a ``whole``
        one ended, only if the window is old."""
        if self.is_open and self.gate.is_empty:
            if (whole and self.schedule.window_is_over) or self._is_long():
                self.schedule.stop_window()
                self.close()

    def open(self) -> None:
        """Open one, or say why not."""
        began = perf_counter_ns()
        HEAP_HOLES.open()
        try:
            self._window = Window(self._yield_to_user)
        except Exception as reason:  # whatever torch says, it may not reach the program
            HEAP_HOLES.fill()
            if raised_by_user(reason):
                raise
            self.notes["kernels"] = str(reason)
            self.schedule.stop_window()
            return
        annotate.say_own_window(True)
        self._was_held = False
        self.notes.pop("gate", None)
        self._since_ns = perf_counter_ns()
        self.open_ns += self._since_ns - began

    def close(self) -> None:
        """Write the open one out, if there is one."""
        if self._window is None:
            return
        began = perf_counter_ns()
        try:
            self.done.append(self._window.close(self.folder / f"window-{len(self.done)}.json"))
        except Exception as reason:  # as above
            self.notes["kernels"] = str(reason)
            self.schedule.stop_tracing()
        self._window = None  # not before: a KeyboardInterrupt in `close` leaves it to the end
        annotate.say_own_window(False)
        HEAP_HOLES.fill()
        self.close_ns += perf_counter_ns() - began
        self.closed()

    def finish(self, thread: int) -> None:
        """No more windows. With or without a gate: an open one crashes torch at the exit."""
        self.open_no_more()
        if self.is_open:
            self.gate.wait_empty(thread)
            self.close()

    def _try_to_open(self, thread: int) -> None:
        if "torch" not in sys.modules or self._is_over_budget():
            self.schedule.put_back()
        elif self.gate.stragglers.besides(thread):
            self.schedule.put_back()
            self.notes["gate"] = STRAGGLERS
        elif self.gate.wait_empty(thread):
            self.open()
        elif self.gate.has_begun_one(thread):  # tasks of one event loop: asking cost nothing
            self.schedule.put_back()
            self.notes["gate"] = "requests overlapped in one thread: no window could open"
        else:
            self.schedule.stop_window()
            self.notes["gate"] = (
                f"no moment without a request under way was found within {SECONDS:g} s"
            )

    def _try_to_close(self, thread: int) -> None:
        if self.gate.is_empty or (not self._was_held and self.gate.wait_empty(thread)):
            self.close()
            return
        self._was_held = True
        self.notes["window"] = "a window stayed open longer than planned: requests never paused"
        if self._is_long(OVERDUE_NS):
            self.close()

    def _is_long(self, grace_ns: int = 0) -> bool:
        age = perf_counter_ns() - self._since_ns - grace_ns
        return self.is_open and age > self.plan.window_seconds * 1e9

    def _is_over_budget(self) -> bool:
        share = BUDGET_SHARE * (perf_counter_ns() - self.began_ns)
        return bool(self.done) and self.cost_ns + self._expected_ns() > max(BUDGET_NS, share)

    def _expected_ns(self) -> int:
        """What the next window will cost by what the traced requests so far did."""
        traced = self.schedule.traced
        return self.close_ns * self.plan.window // traced if traced else 0

    def _yield_to_user(self) -> None:
        """The program starts its own profiler: it wins, and ours stands back for good."""
        with self.gate.lock:
            self.schedule.stop_tracing()
            self.notes["kernels"] = (
                "the program started its own torch.profiler, which does not nest"
            )
            self.close()
