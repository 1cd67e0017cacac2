"""Samples the Python stacks of this process from a thread of its own.

Its times are on our clock, exactly; it needs no permission, and sees what each thread waits for.
It sees threads only between two instructions. A thread that holds the interpreter through a long
call delays it, so it makes up for the samples that it missed: they show where that call was.
"""

from __future__ import annotations

import os
import random
import sys
import threading
from _thread import start_new_thread
from array import array
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns, thread_time_ns

from infprof.profiler.beats import Beats
from infprof.profiler.call_tree import CallTree, Stack, is_ours, stack_of
from infprof.profiler.garbage import collection_postponed
from infprof.profiler.thread_state import LOCK, LOCKS, PATIENT, RUNNING, ThreadStates

GIL = 5
"""``stacks.State.GIL``."""

STARTING_NS = 50_000_000
"""Before the first request: 20 samples a second cost nothing measurable (RELIABILITY section 1)."""

HURRIED_NS = 20_000_000

Pace = tuple[tuple[int, int], ...]

PACE: Pace = ((500, 10_000_000), (600, 50_000_000), (20_000, 200_000_000))
"""From the first request on: up to so many samples, one each so many ns; then none. A sample makes
a busy program hand over the interpreter and wake up again. That costs it 0.3 ms, but 1 to 5 ms in a
virtual machine on a busy host: much at first, so that a run of a few seconds gets hundreds of
samples, and 1 to 2 % of a longer one."""

GENTLE_PACE: Pace = ((400, 25_000_000), (20_000, 200_000_000))
"""For a server that has work for all its CPUs: enough for a window of 10 s."""

LEARNT_TICKS, OUTSIDE_SHARE, SELDOM_NS = 100, 0.04, 1_000_000_000
"""A program that spent less than this part of its first samples outside of its models is sampled
seldom from there on: what happens inside is known from traced calls."""

HOUSEKEEPING_NS = 50_000_000
"""While the program serves, ``on_tick`` comes no oftener."""

WAITED_NS = 1_000_000
"""A sampler that wakes later than this waited for the interpreter: another thread held it."""

ENOUGH_NS = 1_000_000_000
"""After the last sample: awake only to keep out of a compiler's sight."""

SHORT_SWITCH = 1e-4

ALONE_TICKS = 20
"""One thread runs alone if in so many samples no other did. Where two compete, to hand over the
interpreter after 0.1 ms cost a server 3 % of its CPU time."""

MOST_MISSED = 200
MOST_THREADS = 32
WIDTH = 4
"""Integers of a row: time_ns, native thread id, call, state."""

FLUSH_TICKS = 50

WAITING_FILES = (
    "threading.py", "queue.py", "subprocess.py", "concurrent/futures/thread.py",
    "multiprocessing/pool.py", "multiprocessing/queues.py", "multiprocessing/synchronize.py",
)  # fmt: skip
"""Their functions wait for locks and queues, some of which are written in C and have no frame."""


class StackSampler:
    """Runs from ``start`` to ``stop``. ``on_tick`` is called now and then in its thread."""

    def __init__(
        self, folder: Path, calls: CallTree, lock: threading.Lock, on_tick: Callable[[], None]
    ) -> None:
        """``lock`` guards ``calls``, which others add to."""
        self.calls, self.lock, self.on_tick = calls, lock, on_tick
        self.pace = PACE
        self.serving = False
        """Set when the first request begins: from then on samples come faster."""
        self.in_a_hurry = True
        """Something is awaited that ``on_tick`` looks for."""
        self.ticks = self.cost_ns = 0
        self.failure: str | None = None
        self._file = (folder / "stacks.bin").open("ab", buffering=0)
        self._rows = array("q")
        self._beats = Beats(folder)
        self._states = ThreadStates()
        self._worked_ns = dict[int, int]()
        """CPU time of threads that competed for the interpreter, when they last did."""
        self._usual_switch: float | None = None
        """What the program's switch interval was before ours."""
        self._random = random.Random(0)  # the program's own random numbers stay as they are
        self._stopping = threading.Event()
        self._sampled_ns = self._kept_house_ns = 0
        self._outside, self._is_outside = 0, False
        """How many samples of ``ticks`` found a thread at work outside of any model; the last."""
        self._since_rivals = ALONE_TICKS
        """Samples since two threads of the program ran, or would have, at once."""
        self._ended: threading.Event | None = None
        """Set by our thread as its last act; ``None`` while there is none."""

    def start(self) -> None:
        """Begin, or go on after a pause; two threads that fork at once begin it once."""
        with self.lock:
            if self._ended is not None:
                return
            ended = self._ended = threading.Event()
        self._stopping.clear()
        # not a threading.Thread: the program would find one more of those than it made
        start_new_thread(self._loop, (ended,))

    def pause(self) -> bool:
        """End the thread, if there is one; False where it hangs."""
        ended, self._ended = self._ended, None
        if ended is None:
            return True
        self._stopping.set()
        return ended.wait(2.0)

    def stop(self) -> None:
        """End, and write what is left."""
        if self.pause() and not self._file.closed:
            self._flush()
            self._file.close()
            self._beats.close()
            self.calls.close()

    def _loop(self, ended: threading.Event) -> None:
        due = perf_counter_ns()
        try:
            while True:
                interval = self._interval()
                self._ask_shortly(self.serving and self._since_rivals >= ALONE_TICKS)
                due += int(interval * self._random.uniform(0.6, 1.4))  # in step with nothing
                pause = max(due - perf_counter_ns(), 0) / 1e9
                if self._beats.wait(self._stopping.wait, pause):
                    return
                due = self._tick(due, interval)
        except Exception as error:  # our failure must not become one of the program
            self.failure = f"{type(error).__name__}: {error}"
        finally:
            self._ask_shortly(False)
            self.cost_ns += thread_time_ns()  # all that this thread did
            ended.set()

    def _ask_shortly(self, wanted: bool) -> None:
        """While one thread alone runs, ask for the interpreter after 0.1 ms instead of 5: later the
        program would be found only where it lets go by itself, in its reads and sleeps."""
        now = sys.getswitchinterval()
        if wanted and self._usual_switch is None and not self._stopping.is_set():
            self._usual_switch = now
            sys.setswitchinterval(SHORT_SWITCH)
        elif not wanted and self._usual_switch is not None:
            if abs(now - SHORT_SWITCH) < 1e-6:  # else the program has set its own since
                sys.setswitchinterval(self._usual_switch)
            self._usual_switch = None

    def _interval(self) -> int:
        if not self.serving:
            return HURRIED_NS if self.in_a_hurry else STARTING_NS
        if self.ticks > LEARNT_TICKS and self._outside < OUTSIDE_SHARE * self.ticks:
            return SELDOM_NS
        return next((interval for ticks, interval in self.pace if self.ticks < ticks), ENOUGH_NS)

    def _tick(self, due: int, interval: int) -> int:
        """Take one sample, once for each time it was due; returns when it was due last."""
        woke = perf_counter_ns()
        if not self.serving or woke - self._kept_house_ns > HOUSEKEEPING_NS:
            self._kept_house_ns = woke
            self._keep_house()
        early = not self.serving and woke - self._sampled_ns < STARTING_NS
        if early or interval == ENOUGH_NS:  # awake for something else than samples
            return woke
        self._sampled_ns = woke
        with self.lock, collection_postponed():
            rows = self._look(contended=woke - due > WAITED_NS)
        missed = min((woke - due) // interval, MOST_MISSED)
        for repeat in range(missed + 1):
            time = max(due, woke - missed * interval) + repeat * interval
            for thread, call, state in rows:
                self._rows.extend((time, thread, call, state))
        if self.serving:
            self.ticks += 1
            self._outside += self._is_outside
        if len(self._rows) >= FLUSH_TICKS * WIDTH:
            self._flush()
        return woke if missed else due

    def _keep_house(self) -> None:
        try:
            self.on_tick()
        except Exception as error:  # samples are worth having without it
            self.failure = f"{type(error).__name__}: {error}"

    def _look(self, contended: bool) -> list[tuple[int, int, int]]:
        """Each thread of the program: kernel id, call, state."""
        self._is_outside = False
        found, active = list[tuple[int, int, int]](), 0
        wanting, patient, running = list[int](), list[int](), list[int]()
        for native, file, stack in program_stacks():
            state = self._states.of(native)
            is_sure = state == LOCK and self._states.know_the_interpreters
            rests = state in LOCKS and not is_sure and waits_in(file)
            if state in LOCKS and not rests:
                (wanting if state == LOCK else patient).append(len(found))
            active += state == RUNNING
            call = self.calls.add_stack(stack)
            is_outside = not rests and not is_ours(file) and not self.calls.in_model(call)
            self._is_outside |= is_outside
            if state == RUNNING and is_outside:  # within, it mostly has given the interpreter away
                running.append(len(found))
            found.append((native, call, LOCK if state == PATIENT else state))
        active += len(wanting)
        if not active and len(patient) == 1:  # it waits for helpers of its own
            found[patient[0]] = *found[patient[0]][:2], RUNNING
            active = 1
        self._since_rivals = 0 if active > 1 else self._since_rivals + 1
        if wanting and (contended or active == 1):
            # one of those had the interpreter until we asked for it; one alone waits only for us
            owner = self._owner([found[place][0] for place in (*wanting, *running)])
            for place in wanting:
                native, call, _ = found[place]
                found[place] = native, call, RUNNING if native == owner else GIL
        return found

    def _owner(self, wanting: list[int]) -> int:
        """Which of these threads had the interpreter: by chance, in the proportion of the CPU time
        that they used since they were looked at."""
        if len(wanting) == 1:
            return wanting[0]
        now = {thread: self._states.worked_ns(thread) for thread in wanting}
        used = [now[thread] - self._worked_ns.get(thread, now[thread]) for thread in wanting]
        self._worked_ns.update(now)
        if not any(used):
            return self._random.choice(wanting)
        return self._random.choices(wanting, used)[0]

    def _flush(self) -> None:
        with self.lock:
            self.calls.flush()
        try:
            self._file.write(self._rows.tobytes())
        except OSError as error:
            self.failure = f"samples could not be written: {error}"
        del self._rows[:]
        self._beats.flush()


def program_stacks() -> list[tuple[int, str, Stack]]:
    """The program's threads by ``native_id``, each with its innermost function's file and its
    stack. All are read before anything else is done: soon another thread may have the interpreter
    and move on."""
    known = threading._active  # type: ignore[attr-defined]
    own, found = threading.get_ident(), list[tuple[int, str, Stack]]()
    for ident, frame in list(sys._current_frames().items())[:MOST_THREADS]:
        thread = known.get(ident)
        if ident != own and thread is not None and not thread.name.startswith("infprof"):
            found.append((native_id(thread), frame.f_code.co_filename, stack_of(frame)))
    return found


def native_id(thread: threading.Thread) -> int:
    """The kernel's number of a thread. In a forked child ``Thread.native_id`` of the thread that
    forked, now the main one, is still what it was in the parent."""
    if thread is threading.main_thread():
        return os.getpid()
    return thread.native_id or 0


def waits_in(file: str) -> bool:
    """Whether a thread whose innermost function is in this file waits for a lock of its own."""
    return file.endswith(WAITING_FILES) or is_ours(file)
