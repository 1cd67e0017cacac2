"""The Session inside the profiled process: requests counted, windows opened, marks on disk.

It never raises into the program and never slows it on purpose: what fails is noted and left out.
All analysis happens later, in another process where possible; here only raw files are written.
"""

from __future__ import annotations

import os
from contextlib import suppress
from json import dumps
from pathlib import Path
from threading import Lock, RLock
from time import perf_counter_ns

from infprof.profiler import annotate
from infprof.profiler.call_tree import open_tree
from infprof.profiler.collectors.kernels import torch_facts
from infprof.profiler.debug_switches import DebugSwitches
from infprof.profiler.entry_points import EntryPoints
from infprof.profiler.garbage import GarbageCollections
from infprof.profiler.gate import Gate
from infprof.profiler.loop_tasks import LoopTasks
from infprof.profiler.marks import BLOCK, REQUEST, MarkFile, keys, state, this_thread
from infprof.profiler.model_calls import ModelCalls
from infprof.profiler.model_cycles import ModelCycles
from infprof.profiler.phase import Phase
from infprof.profiler.schedule import Plan
from infprof.profiler.stack_sampler import GENTLE_PACE, StackSampler
from infprof.profiler.windows import Windows

WRITE_NS = 100_000_000
"""Marks older than this go to disk, at the sampler's next tick: a disk may take 0.3 s."""

OVERDUE_NS = 2_000_000_000
"""If it has not ticked for so long, whoever marks writes: what a kill can take with it."""

AWAITED_NS = 30_000_000_000
"""So long after its start a program is watched closely for torch; a later import may cost the
first few requests."""

DESCRIBE_NS = 1_000_000_000


class Session:
    """Collects in one process from ``start`` to ``finish``. Thread-safe."""

    def __init__(
        self, folder: Path, plan: Plan, entries: dict[str, dict[str, str]] | None = None
    ) -> None:
        """``entries`` are entry points to wrap besides the known ones (``EntryPoints``)."""
        self.folder, self.plan = folder, plan
        self.gate = Gate()
        self.notes: dict[str, str] = {}
        self.windows = Windows(folder, plan, self.gate, self.notes, self._window_closed)
        self.settled = False
        """No window will open any more: requests pass without the lock."""
        self.marks: list[int] = []
        self.is_marked = False
        """The program marks requests: those of its server are none."""
        self.requests_seen = self.block_start_ns = 0
        self.flushed_ns = self.described_ns = self.write_ns = 0
        self.ended = self.joined = False
        self.pid, self.began_ns = os.getpid(), perf_counter_ns()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.file, self.file_lock = MarkFile(folder), RLock()  # a signal's handler may mark too
        self.calls_lock = Lock()
        calls = open_tree(folder)
        self.sampler = StackSampler(folder, calls, self.calls_lock, self._tick)
        self.cycles = ModelCycles(self, calls)
        self.models, self.tasks = ModelCalls(self.cycles), LoopTasks()
        self.entries = EntryPoints(self.add_mark, entries or {})
        self.switches = DebugSwitches()
        self.garbage = GarbageCollections(lambda *mark: self.marks.extend(mark))

    def start(self, *, joining: bool = False) -> None:
        """Receive marks from now on, and sample. ``joining``: a program that runs already, with
        requests under way that are not ours."""
        self.joined = joining
        if joining:
            self.gate.stragglers.find()
            self.sampler.pace = GENTLE_PACE
        annotate.send_marks_to(self.marks, self._flush)
        self._describe()
        self.entries.wrap_imported()
        self.garbage.begin()
        self.sampler.start()

    def finish(self) -> None:
        """Close what is open and write the rest. Safe to call twice, and at exit."""
        if self.ended or os.getpid() != self.pid:
            return
        annotate.send_marks_to(None, self._flush)
        self._unhook()
        self.sampler.stop()
        self._unhook()  # its last tick may have found something to wrap
        with self.gate.turn, self.gate.lock:
            self.windows.finish(this_thread.id)
            self.ended = self.settled = True
            self._flush()
            self._describe()
            self.file.close()

    def open_no_windows(self) -> None:
        """None from now on. An open one closes as its requests end: see ``window_is_busy``."""
        with self.gate.lock:
            self.windows.open_no_more()

    @property
    def window_is_busy(self) -> bool:
        """Whether a window is open and requests are under way: to close it now may do harm."""
        return self.windows.is_open and not self.gate.is_empty

    def _unhook(self) -> None:
        self.models.end()
        self.entries.end()
        self.garbage.end()

    def before_fork(self) -> None:
        """A child that inherits a running tracer crashes or hangs: end the window here. And Python
        warns of threads that a fork does not copy: ours makes a break."""
        self.sampler.pause()
        with self.calls_lock:  # what is buffered would be written by both
            self.sampler.calls.flush()
        with self.file_lock:
            self.file.flush()
        with self.gate.lock:
            if self.windows.is_open:
                self.notes["fork"] = "the program forked in a window, which had to end there"
                self.windows.schedule.stop_window()
                self.windows.close()

    def after_fork(self) -> None:
        """In the parent: go on."""
        if not self.ended:
            self.sampler.start()

    def abandon(self) -> None:
        """In a forked child: record nothing, write nothing, hold nothing."""
        annotate.send_marks_to(None, self._flush)
        self._unhook()
        self.ended = self.settled = True
        self.marks = []
        self.gate = Gate()

    def request_seen(self) -> None:
        """The program serves: what comes before is its start."""
        self.sampler.serving = True

    def enter_request(self, thread: int) -> Phase:
        """A request starts: which phase it belongs to. May hold it shortly at the gate."""
        self.sampler.serving = True
        if self.settled:
            return Phase.PLAIN
        with self.gate.turn, self.gate.lock:
            if self.cycles.stand_back():
                self.windows.begin_anew()
            phase = self.windows.next_phase(thread)
            self.settled = self.windows.settled
            self.gate.enter(thread)
            return phase

    def leave_request(
        self,
        key: int,
        thread: int,
        phase: Phase,
        start_ns: int,
        end_ns: int,
        failed: bool,
        number: int = 0,
    ) -> None:
        """A request ended. One with a ``number`` has stints."""
        if self.ended:
            return
        self.requests_seen += 1
        self.add_mark(key, start_ns, end_ns, thread, state(phase, failed, number))
        if self.settled:
            return
        with self.gate.lock:
            self.gate.leave(thread)
            if phase == Phase.COLD:
                self.windows.schedule.cold_took(end_ns - start_ns)
            self.windows.after_request(True)

    def turn(self, thread: int, counts: bool, is_outer: bool) -> None:
        """A loop around a model's call turns: one that ``counts`` for the schedule of windows, and
        ``is_outer`` if it is the first turn of a loop around those that counted so far."""
        if self.settled and not is_outer:
            return
        with self.gate.lock:  # without the turn: who holds it may wait for this very cycle to end
            if thread in self.cycles.inside:
                self.cycles.inside.discard(thread)
                self.gate.leave(thread)
                self.windows.after_request(counts)
            self.cycles.forget_ended_threads()
        with self.gate.turn, self.gate.lock:
            if is_outer:
                self.windows.begin_anew()
            if counts:
                self.windows.next_phase(thread)
                self.settled = self.windows.settled
            self.cycles.inside.add(thread)
            self.gate.enter(thread)

    def stop_listening(self, when: str) -> None:
        """Model calls are known well enough: the rest of the program runs without our hooks."""
        if self.windows.is_open:  # a turn is needed to close it
            return
        self.models.end()
        if self.cycles.unit >= 0:
            self.notes["enough"] = f"requests were told apart no more {when}, to keep the cost down"

    def add_mark(self, key: int, start: int, end: int, thread: int, last: int) -> None:
        """Note one mark (``marks``: five integers); in a forked child, which may have kept a
        wrapper of an entry point, nothing."""
        if self.ended:
            return
        self.marks.extend((key, start, end, thread, last))
        if len(self.marks) >= BLOCK or start - self.flushed_ns > OVERDUE_NS:
            self._flush()

    def enter_block(self) -> None:
        """Trace from now on, before any request."""
        with self.gate.lock:
            self.windows.open()
            self.block_start_ns = perf_counter_ns()

    def leave_block(self, name: str, failed: bool) -> None:
        """The block ended. Where no request was marked inside, it counts as one."""
        if self.requests_seen == 0:
            thread = this_thread.id
            phase = Phase.TRACED if self.windows.is_open else Phase.PLAIN
            self.gate.enter(thread)
            key, end = keys[REQUEST, name], perf_counter_ns()
            self.leave_request(key, thread, phase, self.block_start_ns, end, failed)

    def _tick(self) -> None:
        """Now and then, in the sampler's thread."""
        if perf_counter_ns() - self.flushed_ns > WRITE_NS:
            self._flush()
        if self.sampler.serving:
            self.tasks.look()
            self.switches.look()
        self.gate.stragglers.look()
        self.entries.wrap_imported()
        self.models.try_to_begin()
        awaited = not self.models.has_begun and perf_counter_ns() - self.began_ns < AWAITED_NS
        self.sampler.in_a_hurry = awaited or self.entries.is_asked_for

    def _flush(self) -> None:
        """Write the marks out. Other threads may append meanwhile: only a counted prefix goes."""
        if os.getpid() != self.pid:
            return
        with self.file_lock:
            began, count = perf_counter_ns(), len(self.marks)
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
        self.switches.look()
        self._flush()
        self._describe()

    def _describe(self) -> None:
        """Write what is known so far; the last whole version survives a kill."""
        self.described_ns = perf_counter_ns()
        facts = {
            "pid": self.pid,
            "windows": self.windows.done,
            "notes": self.notes,
            "torch": torch_facts() | self.switches.seen,
            "overhead_ns": {
                "open_windows": self.windows.open_ns,
                "close_windows": self.windows.close_ns,
                "write_marks": self.write_ns,
                "sample_stacks": self.sampler.cost_ns,
                "hear_of_model_calls": self.cycles.cost_ns,
            },
            "requests_seen": self.requests_seen,
            "dropped_marks": self.file.dropped,
            "model_calls": dict(self.cycles.places),
            "stacks": self.sampler.failure,
            "loop_tasks": self.tasks.mean,
            "warmup": self.plan.warmup,
            "ended": self.ended,
            "joined": self.joined,
        }
        partial = self.folder / "session.json.part"
        with suppress(OSError):
            partial.write_text(dumps(facts))
            os.replace(partial, self.folder / "session.json")
