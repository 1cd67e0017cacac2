"""A load beside the watching: how long is watched then, and what its result adds."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from infprof.profiler.loads.load import Load
from infprof.profiler.loads.running import Ran
from infprof.profiler.recording import Note, Recording
from infprof.profiler.serving.served import Served
from infprof.reporting import say
from infprof.reports import wording

SAME_REQUESTS = 0.1
"""Client and engine speak of the same requests if their numbers differ by no more."""

LINE = 200
"""Characters of a line that is shown."""


@dataclass
class Meanwhile:
    """What goes on beside the watching, and when all of it is over."""

    watchers: int
    is_cut: bool = True
    """A load still under way when the time is over is ended; else its end is that of all."""
    has_begun: threading.Event = field(default_factory=threading.Event)
    """Every watcher watches."""
    stopped: threading.Event = field(default_factory=threading.Event)
    """It is over, also because somebody wants it to be."""
    hurried: threading.Event = field(default_factory=threading.Event)
    """Nobody wants to wait for what is still to come."""
    is_loaded: Callable[[], bool] = field(default=lambda: False)
    """Whether the load is still under way."""
    _seen: set[int] = field(default_factory=set)

    def goes_on(self, has_time: bool) -> bool:
        """For a watcher, whether to watch on. The first time it asks, it has begun."""
        self._seen.add(threading.get_ident())
        if len(self._seen) >= self.watchers:
            self.has_begun.set()
        if self.stopped.is_set():
            return False
        return has_time if self.is_cut else self.is_loaded()

    def interrupt(self) -> None:
        """Ctrl-C: the first makes an end to watching, the second to waiting, the third to all."""
        if self.hurried.is_set():
            raise KeyboardInterrupt
        if self.stopped.is_set():
            self.hurried.set()
        self.stopped.set()

    def await_begin(self) -> bool:
        """Wait for the watchers; whether there is still something to do."""
        while not self.has_begun.wait(0.1):
            if self.stopped.is_set():
                return False
        return not self.stopped.is_set()


@contextmanager
def stopping_softly() -> Iterator[None]:
    """A SIGTERM (of ``timeout``, say) ends the watching as Ctrl-C does: what we started must not
    outlive us."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def join(recording: Recording, ran: Ran) -> None:
    """Put a load's result into the recording, and say what went wrong."""
    header = recording.header
    header.load = ran.load
    header.settings["load_command"] = ran.command
    header.notes.append(Note(code="load-beside", text=_story(ran)))
    if ran.load is not None and header.served is not None:
        header.notes.extend(_outside_the_engine(ran.load, header.served))
    if ran.load is None or (ran.status and not ran.was_cut):
        say(f"infprof: {_story(ran)}")
        for line in ran.last_lines:
            say(f"  | {wording.plain(line, LINE)}")


def _story(ran: Ran) -> str:
    text = f"A load ran meanwhile, for {ran.wall_ns / 1e9:.1f} s: {ran.command}."
    if ran.was_cut:
        text += " It was ended before its own end, when the time to watch was over."
    elif ran.status:
        text += f" It failed: {_ending(ran.status)}."
    return text if ran.load is not None else f"{text} Its result is missing: {ran.why}."


def _ending(status: int) -> str:
    return f"exit code {status}" if status > 0 else f"ended by signal {-status}"


def _outside_the_engine(load: Load, served: Served) -> Iterator[Note]:
    """What clients waited for beyond the engine's own time: network, a proxy, its web server."""
    seen, told = load.times.get("request"), served.times.get("request")
    if seen is None or not seen.mean_ns or told is None or not load.requests:
        return
    if abs(told.count - load.requests) > SAME_REQUESTS * load.requests:
        return
    outside = max(seen.mean_ns - told.mean_ns, 0)
    text = (
        f"Its clients waited {wording.ms(seen.mean_ns / 1e6)} for an answer on average, of which "
        f"{served.engine} accounts for {wording.ms(told.mean_ns / 1e6)}: "
        f"{wording.ms(outside / 1e6)} ({wording.share(outside / seen.mean_ns)}) passed before or "
        "after the engine."
    )
    yield Note(code="outside-the-engine", text=text)
