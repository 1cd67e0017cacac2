"""The agent in a process that opted in: a thread that sleeps until somebody asks for a recording.

It leaves the program alone in every other way: it is no ``threading.Thread``, takes no signal, is
not there while the program forks, and each forked child gets one of its own. ``start`` and ``stop``
never raise.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import socket
import struct
import threading
from _thread import start_new_thread
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from infprof.profiler.agent.listening import Listening
from infprof.profiler.agent.messages import line_of
from infprof.profiler.agent.visit import HURRIED_S, Visit

SETTLING_S = 1.0
"""A forked child listens after so long: many live shorter, or close all files, or run another
program."""

PAUSE_S = 2.0
"""A fork waits no longer for our thread to end."""

EXIT_S = 2 * HURRIED_S
"""Nor does the program's exit, where somebody records; else it need not wait at all."""

UNASKED_MS = 60_000
"""An agent for one visit does not wait longer for it."""

FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}
"""To be taken where they arise; all others are for the program's threads."""


class Agent:
    """Serves one visit after another from ``run`` to ``close``, or a single one."""

    def __init__(self, *, once: bool = False) -> None:
        self.once = once
        self.listening: Listening | None = None
        self.is_over = False
        """It has put everything away."""
        self._lock = threading.Lock()
        self._called = threading.Event()
        """Set for ``pause`` and ``close``, while there is no socket to be woken by."""
        self._ended: threading.Event | None = None
        """Set by our thread as its last act; ``None`` while there is none."""
        self._pausing = self._closing = False
        self._visit: Visit | None = None

    def open(self) -> Path:
        """Listen now; the path of the socket. Raises ``OSError``."""
        self.listening = Listening()
        return self.listening.path

    def run(self) -> None:
        """Have a thread: begin, or go on after a pause."""
        with self._lock:
            self._pausing = False
            self._called.clear()
            if self._ended is None and not self.is_over:
                self._ended = threading.Event()
                _start_without_signals(self._loop, self._ended)

    def pause(self) -> None:
        """Have none; a visit stays as it is."""
        with self._lock:
            ended, self._pausing = self._ended, True
        self._call(ended, PAUSE_S)

    def close(self) -> None:
        """End a visit; the socket goes."""
        with self._lock:
            ended, self._closing = self._ended, True
        self._call(ended, EXIT_S)

    def let_go(self) -> None:
        """In a forked child: all of it is the parent's."""
        if self._visit is not None:
            self._visit.let_go()
        if self.listening is not None:
            self.listening.close()

    def _call(self, ended: threading.Event | None, patience_s: float) -> None:
        if ended is not None:
            self._called.set()
            listening = self.listening
            if listening is not None:
                listening.wake()
            ended.wait(patience_s)

    def _loop(self, ended: threading.Event) -> None:
        try:
            while not self._is_to_end():
                if self.listening is not None:
                    self._turn(self.listening)
                elif not self._called.wait(SETTLING_S):
                    self.open()
        except Exception as error:  # ours may never become a failure of the program's
            self._put_away()
            _warn(f"nobody can attach to this process: {error}")
        finally:
            ended.set()

    def _is_to_end(self) -> bool:
        with self._lock:
            if self._closing and self._visit is None:
                self._put_away()
            elif not self._pausing:
                return False
            self._ended = None
            return True

    def _put_away(self) -> None:
        self.is_over = True
        if self._visit is not None:  # only where we failed
            self._visit.let_go()
        listening, self.listening = self.listening, None
        if listening is not None:
            listening.close()

    def _turn(self, listening: Listening) -> None:
        """Wait for something to do, and do it."""
        poll, visit = select.poll(), self._visit
        if visit is not None and visit.wants is not None:
            poll.register(visit.connection, visit.wants)
        patience_ms = visit.wait_ms if visit is not None else UNASKED_MS if self.once else None
        connection, was_woken = listening.wait(poll, patience_ms)
        if visit is not None and not self._pausing:
            self._go_on(visit)
        if connection is not None:  # not before: who left meanwhile is in nobody's way
            self._welcome(connection)
        elif not was_woken and visit is None:
            self._closing = True  # unasked

    def _welcome(self, connection: socket.socket) -> None:
        if not _may_ask(connection):
            _refuse(connection, "it serves its own user and root")
        elif self._visit is not None:
            _refuse(connection, "somebody else is recording")
        else:
            self._visit = Visit(connection)

    def _go_on(self, visit: Visit) -> None:
        visit.is_hurried = self._closing
        if not visit.go_on():
            self._visit = None
            self._closing |= self.once and visit.has_recorded


def _start_without_signals(loop: Callable[[threading.Event], None], ended: threading.Event) -> None:
    """A thread that takes no signal: one that the program's threads hold back would reach it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - FAULTS)
    try:
        start_new_thread(loop, (ended,))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _may_ask(connection: socket.socket) -> bool:
    """Whether the process at the other end is of our user, or of root."""
    size = struct.calcsize("3i")
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, user, _ = struct.unpack("3i", data)
    return user in (0, os.geteuid())


def _refuse(connection: socket.socket, why: str) -> None:
    with connection, suppress(OSError):
        connection.setblocking(False)
        connection.send(line_of(refused=why), socket.MSG_NOSIGNAL)


def _warn(line: str) -> None:
    import logging

    logging.getLogger("infprof").warning(line)


_agent: Agent | None = None
_has_failed = False


def start(*, once: bool = False) -> Path | None:
    """Listen in this process from now on; the path of the socket, ``None`` where it cannot be, with
    one warning in the log ``infprof``. ``once`` ends it after one visit, or a minute without."""
    global _agent, _has_failed
    if is_on():
        return _path()
    try:
        agent = Agent(once=once)
        agent.open()
        agent.run()
    except Exception as error:  # the program goes on without it
        if not _has_failed:
            _warn(f"nobody can attach to this process: {error}")
        _has_failed = True
        return None
    _agent = agent
    atexit.register(stop)
    return _path()


def stop() -> None:
    """Listen no more. Somebody who records gets what there is so far."""
    global _agent
    agent, _agent = _agent, None
    atexit.unregister(stop)
    if agent is not None:
        agent.close()


def is_on() -> bool:
    """Whether this process has an agent."""
    return _agent is not None and not _agent.is_over


def _path() -> Path | None:
    listening = None if _agent is None else _agent.listening
    return None if listening is None else listening.path


def _before_fork() -> None:
    if _agent is not None:
        _agent.pause()


def _after_fork_in_parent() -> None:
    if _agent is not None:
        _agent.run()


def _after_fork_in_child() -> None:
    global _agent
    parents, _agent = _agent, None
    if parents is None:
        return
    parents.let_go()
    if not (parents.once or parents.is_over):
        _agent = Agent()
        _agent.run()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
