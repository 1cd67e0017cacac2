"""The Session inside the profiled process: requests counted, windows opened, marks on disk.

It never raises into the program and never slows it on purpose: what fails is noted and left out.
All analysis happens later, in another process where possible; here only raw files are written.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING

from infprof.profiler import annotate
from infprof.profiler.collectors.kernels import let_forked_child_exit, torch_facts
from infprof.profiler.gate import Gate
from infprof.profiler.marks import BLOCK, REQUEST, MarkFile, keys, state, this_thread
from infprof.profiler.phase import Phase
from infprof.profiler.schedule import Plan
from infprof.profiler.windows import Windows

if TYPE_CHECKING:
    from infprof.profiler.request import request

FLUSH_NS = 100_000_000
"""Marks older than this go to disk: what a kill can take with it."""

DESCRIBE_NS = 1_000_000_000


class Session:
    """Collects in one process from ``start`` to ``finish``. Thread-safe."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self.gate = Gate()
        self.notes: dict[str, str] = {}
        self.windows = Windows(folder, plan, self.gate, self.notes, self._window_closed)
        self.settled = False
        """No window will open any more: requests pass without the lock."""
        self.marks: list[int] = []
        self.requests_seen = 0
        self.flushed_ns = self.described_ns = self.write_ns = 0
        self.block_start_ns = 0
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
        with self.gate.turn, self.gate.lock:
            self.windows.finish(this_thread.id)
            self.ended = self.settled = True
            self._flush()
            self._describe()
            self.file.close()

    def before_fork(self) -> None:
        """A child that inherits a running tracer crashes or hangs: end the window here."""
        with self.gate.lock:
            if self.windows.is_open:
                self.notes["fork"] = "the program forked in a window, which had to end there"
                self.windows.schedule.stop_window()
                self.windows.close()

    def abandon(self) -> None:
        """In a forked child: record nothing, write nothing, hold nothing."""
        annotate.send_marks_to(None, self._flush)
        self.ended = self.settled = True
        self.gate = Gate()
        if self.windows.done:
            let_forked_child_exit()

    def enter_request(self, thread: int) -> Phase:
        """A request starts: which phase it belongs to. May hold it shortly at the gate."""
        if self.settled:
            return Phase.PLAIN
        with self.gate.turn, self.gate.lock:
            phase = self.windows.next_phase(thread)
            self.settled = self.windows.settled
            self.gate.enter(thread)
            return phase

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
        with self.gate.lock:
            self.gate.leave(one.thread)
            if phase == Phase.COLD:
                self.windows.schedule.cold_took(end_ns - start_ns)
            self.windows.after_request()

    def enter_block(self) -> None:
        """Trace from now on, before any request."""
        with self.gate.lock:
            self.windows.open()
            self.block_start_ns = perf_counter_ns()

    def leave_block(self, block: request, failed: bool) -> None:
        """The block ended. Where no request was marked inside, it counts as one."""
        if self.requests_seen == 0:
            block.thread = this_thread.id
            phase = Phase.TRACED if self.windows.is_open else Phase.PLAIN
            self.gate.enter(block.thread)
            self.leave_request(block, phase, self.block_start_ns, perf_counter_ns(), failed)

    def _flush(self) -> None:
        """Write the marks out. Other threads may append meanwhile: only a counted prefix goes."""
        with self.gate.lock:
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
            self.write_ns += perf_counter_ns() - began

    def _window_closed(self) -> None:
        self._flush()
        self._describe()

    def _describe(self) -> None:
        """Write what is known so far; the last whole version survives a kill."""
        self.described_ns = perf_counter_ns()
        facts = {
            "pid": self.pid,
            "windows": self.windows.done,
            "notes": self.notes,
            "torch": torch_facts(),
            "overhead_ns": {
                "open_windows": self.windows.open_ns,
                "close_windows": self.windows.close_ns,
                "write_marks": self.write_ns,
            },
            "requests_seen": self.requests_seen,
            "dropped_marks": self.file.dropped,
            "ended": self.ended,
        }
        partial = self.folder / "session.json.part"
        with suppress(OSError):
            partial.write_text(json.dumps(facts))
            os.replace(partial, self.folder / "session.json")
