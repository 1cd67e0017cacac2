"""Python stacks of the program's child processes, through the py-spy program.

The program's own process is sampled from inside (``stack_sampler``), better than from here. So
py-spy starts once there is a Python child process; at once with a process that we only watch.
Meanwhile the kernel is asked what each thread does, because what py-spy writes does not say who
waits.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from pathlib import Path
from time import thread_time_ns

from infprof.profiler.clock import now_ns
from infprof.profiler.collectors import Facts, Spied, Target, Unavailable
from infprof.profiler.probes.proc import ProcessTree, threads
from infprof.profiler.probes.py_spy import LONGEST_S, RESTRICTED, PySpy, find, may_be_traced
from infprof.profiler.probes.quiet_files import read
from infprof.profiler.probes.sampler import Ended
from infprof.profiler.py_spy_trace import PySpyTrace
from infprof.profiler.py_spy_trace import read as read_trace
from infprof.profiler.recording import Note
from infprof.profiler.thread_state import UNKNOWN, state_in

LOOK_S = 0.5
"""How often new processes are looked for."""

ASK_S = 0.02
"""How often the kernel is asked for the states of threads."""

MOST_SHARE = 0.02
"""Of one CPU: what both may take. Where they would take more, they are done less often."""

ENDED_NS = 100_000_000
"""A thread was asked for until then, and has ended after that."""

MOST_STATES = 1_000_000
PATIENCE_S = 2.0
"""So long after the program's end py-spy may write."""

MISSING = "the py-spy program is not installed (pip install py-spy)"

INSIDE = "child processes are sampled by infprof run alone"


class Collector:
    """Watches for child processes, and samples them until the program ends."""

    def __init__(self, *, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._stopping = threading.Event()
        self.sampling = threading.Event()
        """Set when py-spy runs."""
        self._is_inside = False
        """The target is this process. Py-spy would be a child of the program, which may wait for
        any child of its own, and starting one means to fork the program."""
        self._thread: threading.Thread | None = None
        self._folder: Path | None = None
        self._spy: PySpy | None = None
        self._states: list[tuple[int, int, int]] = []
        self._failure: str | None = None

    def start(self, target: Target) -> None:
        """Begin to watch. Raises ``Unavailable``."""
        if target.pid == os.getpid():
            self._is_inside = True
            return
        program = find()
        if program is None:
            raise Unavailable(MISSING)
        try:
            tree = ProcessTree(target.pid)
        except Ended as error:
            raise Unavailable(str(error)) from None
        if not may_be_traced(target.pid):
            raise Unavailable(RESTRICTED)
        if not target.is_ours:
            try:
                self._begin(program, target.pid, max(_count(tree), 1), dies_with_us=True)
            except (OSError, Ended) as error:
                raise Unavailable(f"py-spy could not begin: {error}") from None
        self._thread = threading.Thread(
            target=self._watch, args=(program, tree), name="infprof-py-spy", daemon=True
        )
        self._thread.start()

    def stop(self) -> Facts:
        """End, and hand over what was seen. Takes ``patience_s`` at most for py-spy to write."""
        try:
            return self._collect()
        except Exception as error:  # ours may not fail the run
            return Facts(missing={"py-spy": f"{type(error).__name__}: {error}"})
        finally:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _collect(self) -> Facts:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(self._patience_s + 1)
        spy = self._spy
        if self._is_inside and any(map(_runs_python, ProcessTree(os.getpid()).pids(0)[1:])):
            return Facts(missing={"py-spy": INSIDE})
        if spy is None:
            return Facts(missing={"py-spy": self._failure} if self._failure else {})
        spy.end(self._patience_s)
        failure = spy.failure() or self._failure
        if failure is not None:
            return Facts(missing={"py-spy": failure})
        interval_ns = 1_000_000_000 // spy.rate
        ended = {thread: time - spy.started_ns + ENDED_NS for time, thread, _ in self._states}
        trace = read_trace(spy.output, interval_ns, ended)
        between = spy.started_ns, min(spy.begun_ns or spy.ended_ns, spy.ended_ns - trace.end_ns)
        seen = Spied(trace, self._states, between, interval_ns, spy.cost_ns)
        return Facts(stacks=seen, notes=_notes(trace))

    def _watch(self, program: str, tree: ProcessTree) -> None:
        try:
            if self._spy is None and (processes := self._wait_for_children(tree)):
                self._begin(program, tree.pid, processes)
            if self._spy is not None:
                self._sample(self._spy, tree.pid)
        except Ended:
            pass
        except Exception as error:  # as above
            self._failure = f"{type(error).__name__}: {error}"

    def _wait_for_children(self, tree: ProcessTree) -> int:
        """Until there are some that run Python, and their number grows no more: how many processes
        there are then. 0 when that did not happen."""
        before = 1
        while True:
            began = thread_time_ns()
            now = 1 + _count(tree, but=1)
            if now == before > 1:
                return now
            before = now
            if self._stopping.wait(_pause(LOOK_S, began)):
                return 0

    def _begin(self, program: str, pid: int, processes: int, *, dies_with_us: bool = False) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="infprof-"))
        spy = PySpy(program, self._folder / "stacks.json")
        spy.start(pid, processes, dies_with_us=dies_with_us)
        self._spy = spy
        self.sampling.set()

    def _sample(self, spy: PySpy, pid: int) -> None:
        known: list[tuple[int, int]] = []
        looked_ns = 0
        while spy.is_running() and len(self._states) < MOST_STATES:
            began = thread_time_ns()
            if now_ns() - looked_ns > LOOK_S * 1e9:
                looked_ns = now_ns()
                spy.stay_small()
                pids = ProcessTree(pid).pids(0)
                known = [(one, thread) for one in pids for thread in threads("/proc", one)]
            self._ask(known)
            if self._stopping.wait(_pause(ASK_S, began)):
                return

    def _ask(self, known: list[tuple[int, int]]) -> None:
        """Note what each thread does; that it is there, where the kernel says no more."""
        for pid, thread in known:
            text = read(f"/proc/{pid}/task/{thread}/syscall")
            if text is None and not os.path.exists(f"/proc/{pid}/task/{thread}"):
                continue
            state = state_in(text.encode()) if text else UNKNOWN
            self._states.append((now_ns(), thread, state))


def _pause(usual_s: float, began_ns: int) -> float:
    return max(usual_s, (thread_time_ns() - began_ns) / 1e9 / MOST_SHARE)


def _count(tree: ProcessTree, but: int = 0) -> int:
    """How many processes of a tree run Python; not counting the first ones. Raises ``Ended``."""
    return sum(map(_runs_python, ProcessTree(tree.pid).pids(0)[but:]))


def _runs_python(pid: int) -> bool:
    try:
        return "python" in os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return False


def _notes(trace: PySpyTrace) -> list[Note]:
    found = []
    if trace.cut:
        text = f"The end of what py-spy saw is missing: {trace.cut}."
        found.append(Note(code="py-spy-cut", text=text))
    if trace.end_ns > (LONGEST_S - 1) * 1e9:
        text = f"Py-spy sampled for {LONGEST_S} s, not longer."
        found.append(Note(code="py-spy-ended", text=text))
    return found
