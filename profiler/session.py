"""The Session inside the profiled process: phases of requests, windows of the tracer, marks on disk.

It never raises into the program and never slows it on purpose: what fails is noted and left out. All
analysis happens later, in another process where possible; here only raw files are written.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from threading import get_native_id
from time import perf_counter_ns
from typing import Any

from infprof.profiler import annotate
from infprof.profiler.collectors import Unavailable
from infprof.profiler.collectors.kernels import Window, torch_facts
from infprof.profiler.marks import BLOCK, REQUEST, MarkFile, keys, state
from infprof.profiler.phase import Phase
from infprof.profiler.schedule import Plan, Schedule

GATE_SECONDS = 1.0
"""How long requests may be held for those under way to end, so that a window can open or close.
Starting or stopping torch's tracer while other threads run ops can kill the process."""

FLUSH_NS = 1_000_000_000


class Session:
    """Collects in one process from ``start`` to ``finish``. Thread-safe."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan = folder, plan
        self.schedule = Schedule(plan)
        self.lock = threading.Condition(threading.RLock())
        self.under_way = 0
        self.window: Window | None = None
        self.traced_since_ns = self.block_start_ns = 0
        self.windows: list[dict[str, Any]] = []
        self.notes: dict[str, str] = {}
        self.overhead_ns = {"open_windows": 0, "close_windows": 0, "write_marks": 0}
        self.settled = False
        """No window will open any more: requests pass without the lock."""
        self.marks: list[int] = []
        self.requests_seen = 0
        self.flushed_ns = perf_counter_ns()
        self.ended = False
        self.pid = os.getpid()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.file = MarkFile(folder)

    def start(self) -> None:
        """Receive marks from now on. Children made by fork are left alone."""
        annotate.send_marks_to(self.marks, self._flush)
        os.register_at_fork(after_in_child=self._abandon)
        self._describe()

    def finish(self) -> None:
        """Close what is open and write the rest. Safe to call twice, and at exit."""
        if self.ended or os.getpid() != self.pid:
            return
        annotate.send_marks_to(None, self._flush)
        with self.lock:
            self.schedule.stop_tracing()
            self._close_window()
            self.ended = True
            self._flush()
            self._describe()
            self.file.close()

    def enter_request(self) -> Phase:
        """A request starts: which phase it belongs to. May hold it shortly at a gate."""
        if self.settled:
            return Phase.PLAIN
        with self.lock:
            phase = self.schedule.next()
            if phase == Phase.TRACED and self._window_is_long():
                self.schedule.stop_window()
                phase = Phase.PLAIN
            if phase == Phase.TRACED and self.window is None:
                phase = self._open_window()
            elif phase != Phase.TRACED and self.window is not None:
                self._close_at_gate()
            self.settled = self.schedule.settled and self.window is None
            self.under_way += 1
            return phase

    def leave_request(self, name: str, phase: Phase, start_ns: int, failed: bool) -> None:
        """A request ended."""
        end = perf_counter_ns()
        key = keys[REQUEST, name]
        self.marks.extend((key, start_ns, end, get_native_id(), state(phase, failed)))
        self.requests_seen += 1
        if len(self.marks) >= BLOCK or end - self.flushed_ns > FLUSH_NS:
            self._flush()
        if self.settled:
            return
        with self.lock:
            self.under_way -= 1
            if phase == Phase.COLD:
                self.schedule.cold_took(end - start_ns)
            if self.under_way == 0:
                self.lock.notify_all()

    def enter_block(self) -> None:
        """Trace from now on, before any request."""
        with self.lock:
            self.block_start_ns = perf_counter_ns()
            self._open_window()

    def leave_block(self, name: str, failed: bool) -> None:
        """The block ended. Where no request was marked inside, it counts as one."""
        if self.requests_seen == 0:
            phase = Phase.PLAIN if self.window is None else Phase.TRACED
            self.under_way += 1
            self.leave_request(name, phase, self.block_start_ns, failed)

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
            self.overhead_ns["write_marks"] += self.flushed_ns - began

    def _window_is_long(self) -> bool:
        age = perf_counter_ns() - self.traced_since_ns
        return self.window is not None and age > self.plan.window_seconds * 1e9

    def _quiet(self) -> bool:
        """Wait at the gate until no request is under way. The caller holds the lock."""
        return self.lock.wait_for(lambda: self.under_way == 0, GATE_SECONDS)

    def _open_window(self) -> Phase:
        """Open one for the request at the gate, or say why not and let it run untraced."""
        began = perf_counter_ns()
        if not self._quiet():
            self.schedule.stop_window()
            self.notes["gate"] = (
                f"a window found no moment without a running request within {GATE_SECONDS:g} s"
            )
            return Phase.PLAIN
        try:
            self.window = Window(self._yield_to_user)
        except Unavailable as reason:
            self.notes["kernels"] = str(reason)
            self.schedule.stop_window()
            return Phase.PLAIN
        self.traced_since_ns = perf_counter_ns()
        self.overhead_ns["open_windows"] += self.traced_since_ns - began
        return Phase.TRACED

    def _close_at_gate(self) -> None:
        if self._quiet():
            self._close_window()
        else:
            self.notes["gate"] = "a window stayed open longer than planned: requests never paused"

    def _close_window(self) -> None:
        """Write the window out. The caller holds the lock."""
        window, self.window = self.window, None
        if window is None:
            return
        began = perf_counter_ns()
        try:
            path = self.folder / f"window-{len(self.windows)}.json"
            self.windows.append(window.close(path))
        except (Unavailable, OSError) as reason:
            self.notes["kernels"] = str(reason)
            self.schedule.stop_tracing()
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

    def _abandon(self) -> None:
        """In a forked child: record nothing, write nothing, hold nothing."""
        annotate.send_marks_to(None, self._flush)
        self.ended = True
        self.lock = threading.Condition(threading.RLock())
        self.window = None
        self.schedule.stop_tracing()
