"""The Session inside the profiled process: phases of requests, windows of the tracer, marks on
disk.

It never raises into the program and never slows it on purpose: what fails is noted and left out.
All analysis happens later, in another process where possible; here only raw files are written.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from infprof.profiler import annotate
from infprof.profiler.collectors.kernels import Window, let_forked_child_exit, torch_facts
from infprof.profiler.gate import SECONDS, Gate
from infprof.profiler.marks import BLOCK, REQUEST, MarkFile, keys, state, this_thread
from infprof.profiler.phase import Phase
from infprof.profiler.schedule import Plan, Schedule

if TYPE_CHECKING:
    from infprof.profiler.request import request

FLUSH_NS = 100_000_000
"""Marks older than this go to disk: what a kill can take with it."""

DESCRIBE_NS = 1_000_000_000

OVERDUE_NS = 30_000_000_000
"""A window that finds no gate for this long after its time is closed without one: an endless trace
would fill the memory for certain."""


class Session:
    """Collects in one process from ``start`` to ``finish``. Thread-safe."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan = folder, plan
        self.schedule = Schedule(plan)
        self.gate = Gate()
        self.lock = self.gate.lock
        self.window: Window | None = None
        self.was_held = False
        """Requests were held once for the open window to close: they are not held again."""
        self.traced_since_ns = self.block_start_ns = 0
        self.windows: list[dict[str, Any]] = []
        self.notes: dict[str, str] = {}
        self.overhead_ns = {"open_windows": 0, "close_windows": 0, "write_marks": 0}
        self.settled = False
        """No window will open any more: requests pass without the lock."""
        self.marks: list[int] = []
        self.requests_seen = 0
        self.flushed_ns = self.described_ns = 0
        self.ended = False
        self.pid = os.getpid()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.file = MarkFile(folder)

    def start(self) -> None:
        """Receive marks from now on."""
        annotate.send_marks_to(self.marks, self._flush)
        self._describe()

    def finish(self) -> None:
        """Close what is open and write the rest. Safe to call twice, and at exit."""
        if self.ended or os.getpid() != self.pid:
            return
        annotate.send_marks_to(None, self._flush)
        with self.gate.turn, self.lock:
            self.schedule.stop_tracing()
            if self.window is not None:
                self.gate.wait_empty(this_thread.id)
                self._close_window()  # with or without a gate: an open one crashes torch at exit
            self.ended = self.settled = True
            self._flush()
            self._describe()
            self.file.close()

    def before_fork(self) -> None:
        """A child that inherits a running tracer crashes or hangs: end the window here."""
        with self.lock:
            if self.window is not None:
                self.notes["fork"] = "the program forked in a window, which had to end there"
                self.schedule.stop_window()
                self._close_window()

    def abandon(self) -> None:
        """In a forked child: record nothing, write nothing, hold nothing."""
        annotate.send_marks_to(None, self._flush)
        self.ended = self.settled = True
        self.gate = Gate()
        self.lock = self.gate.lock
        if self.windows:
            let_forked_child_exit()

    def enter_request(self, thread: int) -> Phase:
        """A request starts: which phase it belongs to. May hold it shortly at the gate."""
        if self.settled:
            return Phase.PLAIN
        with self.gate.turn, self.lock:
            phase = self.schedule.next()
            if phase == Phase.TRACED and self._window_is_long():
                self.schedule.stop_window()
                phase = Phase.PLAIN
            self._trace(phase == Phase.TRACED, thread)
            self.settled = self.schedule.settled and self.window is None
            self.gate.enter(thread)
            if self.window is not None:
                return Phase.TRACED
            return Phase.PLAIN if phase == Phase.TRACED else phase

    def leave_request(
        self, one: request, phase: Phase, start_ns: int, end_ns: int, failed: bool
    ) -> None:
        """A request ended."""
        if self.ended:
            return
        key = keys[REQUEST, one.name]
        self.marks.extend((key, start_ns, end_ns, one.thread, state(phase, failed)))
        self.requests_seen += 1
        if len(self.marks) >= BLOCK or end_ns - self.flushed_ns > FLUSH_NS:
            self._flush()
        if self.settled:
            return
        with self.lock:
            self.gate.leave(one.thread)
            if phase == Phase.COLD:
                self.schedule.cold_took(end_ns - start_ns)
            if self.window is not None and self.gate.is_empty:
                if self.schedule.window_is_over or self._window_is_long():
                    self.schedule.stop_window()
                    self._close_window()

    def enter_block(self) -> None:
        """Trace from now on, before any request."""
        with self.lock:
            self._open_window()
            self.block_start_ns = perf_counter_ns()

    def leave_block(self, block: request, failed: bool) -> None:
        """The block ended. Where no request was marked inside, it counts as one."""
        if self.requests_seen == 0:
            block.thread = this_thread.id
            phase = Phase.PLAIN if self.window is None else Phase.TRACED
            self.gate.enter(block.thread)
            self.leave_request(block, phase, self.block_start_ns, perf_counter_ns(), failed)

    def _flush(self) -> None:
        """Write the marks out. Other threads may append meanwhile: only a counted prefix goes."""
        with self.lock:
            began = perf_counter_ns()
            count = len(self.marks)
            full = self.marks[:count]
            del self.marks[:count]
            try:
                self.file.write(full)
            except (OSError, ValueError) as error:
                self.notes["disk"] = f"marks could not be written: {error}"
            self.flushed_ns = perf_counter_ns()
            if self.flushed_ns - self.described_ns > DESCRIBE_NS:
                self._describe()
            self.overhead_ns["write_marks"] += perf_counter_ns() - began

    def _window_is_long(self, grace_ns: int = 0) -> bool:
        age = perf_counter_ns() - self.traced_since_ns - grace_ns
        return self.window is not None and age > self.plan.window_seconds * 1e9

    def _trace(self, wanted: bool, thread: int) -> None:
        """Open or close the window for the request at the gate, if no other is under way."""
        if wanted and self.window is None:
            if "torch" not in sys.modules:
                self.schedule.put_back()
            elif self.gate.wait_empty(thread):
                self._open_window()
            else:
                self._could_not_open(thread)
        elif not wanted and self.window is not None:
            if self.gate.is_empty or (not self.was_held and self.gate.wait_empty(thread)):
                self._close_window()
            else:
                self._could_not_close()

    def _could_not_close(self) -> None:
        self.was_held = True
        self.notes["window"] = "a window stayed open longer than planned: requests never paused"
        if self._window_is_long(OVERDUE_NS):
            self._close_window()

    def _could_not_open(self, thread: int) -> None:
        if self.gate.has_begun_one(thread):  # tasks of one event loop: nothing was lost by asking
            self.schedule.put_back()
            self.notes["gate"] = "requests overlapped in one thread: no window could open"
        else:
            self.schedule.stop_window()
            self.notes["gate"] = (
                f"no moment without a request under way was found within {SECONDS:g} s"
            )

    def _open_window(self) -> None:
        """Open one, or say why not. The caller holds the lock."""
        began = perf_counter_ns()
        try:
            self.window = Window(self._yield_to_user)
        except Exception as reason:  # whatever torch says, it may not reach the program
            self.notes["kernels"] = str(reason)
            self.schedule.stop_window()
            return
        annotate.say_own_window(True)
        self.was_held = False
        self.notes.pop("gate", None)
        self.traced_since_ns = perf_counter_ns()
        self.overhead_ns["open_windows"] += self.traced_since_ns - began

    def _close_window(self) -> None:
        """Write the window out. The caller holds the lock."""
        if self.window is None:
            return
        began = perf_counter_ns()
        try:
            path = self.folder / f"window-{len(self.windows)}.json"
            self.windows.append(self.window.close(path))
        except Exception as reason:  # as above
            self.notes["kernels"] = str(reason)
            self.schedule.stop_tracing()
        annotate.say_own_window(False)
        self.window = None  # not before: after a KeyboardInterrupt in `close`, `finish` tries again
        self.lock.notify_all()
        self._flush()
        self._describe()
        self.overhead_ns["close_windows"] += perf_counter_ns() - began

    def _yield_to_user(self) -> None:
        """The program starts its own profiler: it wins, and ours stands back for good."""
        with self.lock:
            self.schedule.stop_tracing()
            self.notes["kernels"] = (
                "the program started its own torch.profiler, which does not nest"
            )
            self._close_window()

    def _describe(self) -> None:
        """Write what is known so far; the last whole version survives a kill."""
        self.described_ns = perf_counter_ns()
        facts = {
            "pid": self.pid,
            "windows": self.windows,
            "notes": self.notes,
            "torch": torch_facts(),
            "overhead_ns": self.overhead_ns,
            "requests_seen": self.requests_seen,
            "dropped_marks": self.file.dropped,
            "ended": self.ended,
        }
        partial = self.folder / "session.json.part"
        with suppress(OSError):
            partial.write_text(json.dumps(facts))
            os.replace(partial, self.folder / "session.json")
