"""One client of the agent: its order, a session recorded for it, and everything undone after.

A visit is a generator that the agent's thread resumes when the client speaks or some time has
passed. It keeps no thread of its own, so it can be left at a fork and gone on with; and closing it
undoes what it did, wherever it is.
"""

from __future__ import annotations

import array
import os
import select
import socket
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from time import monotonic

from infprof.profiler import request
from infprof.profiler.agent import messages
from infprof.profiler.agent.messages import LONGEST, Order, Refused, line_of
from infprof.profiler.agent.places import raw_folder
from infprof.profiler.kineto_thread import end_kineto_thread
from infprof.profiler.session import Session

TICK_MS = 200
"""While it records, its end and the size of its files are looked at so often."""

ORDER_S = 2.0
"""A client that says nothing for so long is sent away."""

CLOSING_S, CLOSING_MS = 10.0, 20
"""How long an open window may wait for the requests under way, and how often it is asked."""

TAKING_S = 60.0
"""For copying the files."""

HURRIED_S = 3.0
"""Instead of both, where the program ends: it is not to be kept."""


class Visit:
    """Call ``go_on`` until it says that it is over; ``wants`` and ``wait_ms`` say when."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection, self.pid = connection, os.getpid()
        self.wants: int | None = select.POLLIN
        """Events of the connection to be woken by, besides its end; ``None``: by none at all."""
        self.wait_ms = 0
        self.is_hurried = False
        """Set where the program ends, or the agent does."""
        self.has_recorded = False
        self._steps = self._course()

    def go_on(self) -> bool:
        """Do what can be done now; false once it is over."""
        wait_ms = next(self._steps, None)
        self.wait_ms = wait_ms or 0
        return wait_ms is not None

    def let_go(self) -> None:
        """End at once; in a forked child, where all of it is the parent's, only forget."""
        with suppress(ValueError):  # it was under way as the program forked
            self._steps.close()
        self.connection.close()

    def _course(self) -> Generator[int, None, None]:
        with self.connection:
            try:
                order = yield from self._order()
                yield from self._record(order)
            except Refused as reason:
                self._say(refused=str(reason))
            except Exception as error:  # a failure of ours never reaches the program
                self._say(refused=f"{type(error).__name__}: {error}")

    def _order(self) -> Generator[int, None, Order]:
        latest, text = monotonic() + ORDER_S, b""
        while b"\n" not in text:
            if monotonic() > latest or len(text) > LONGEST or self.is_hurried:
                raise Refused("it was not asked in time")
            with suppress(BlockingIOError):
                piece = self.connection.recv(LONGEST)
                if not piece:
                    raise Refused("it was not asked")
                text += piece
                continue
            yield TICK_MS
        return messages.order_in(text.partition(b"\n")[0])

    def _record(self, order: Order) -> Generator[int, None, None]:
        with raw_folder() as (folder, descriptor):
            session = self._begin(order, folder)
            try:
                self.has_recorded = True
                self._hand_out(descriptor)
                why = yield from self._until_over(order, folder)
                yield from self._until_requests_end(session)
            finally:
                self._end(session)
            self._say(ended=why)
            yield from self._until_taken()

    def _begin(self, order: Order, folder: Path) -> Session:
        if request.serving() is not None:
            raise Refused("the program is being recorded already")
        session = Session(folder, order.plan)
        try:
            session.start(joining=True)
        except BaseException:
            session.finish()
            raise
        request.serve(session)
        return session

    def _end(self, session: Session) -> None:
        if os.getpid() != self.pid:  # a forked child drops what is its parent's
            return
        if request.serving() is session:
            request.serve(None)
        session.finish()
        end_kineto_thread()

    def _until_over(self, order: Order, folder: Path) -> Generator[int, None, str]:
        latest = monotonic() + order.seconds
        while True:
            left = latest - monotonic()
            if self.is_hurried:
                return messages.EXIT
            if self._has_hung_up():
                return messages.HUNG_UP
            if left <= 0:
                return messages.TIME
            if _size_of(folder) > order.most_bytes:
                return messages.SIZE
            yield min(TICK_MS, int(left * 1e3) + 1)

    def _has_hung_up(self) -> bool:
        """Or has said anything, which nobody does that is well."""
        try:
            self.connection.recv(LONGEST)
        except BlockingIOError:
            return False
        except OSError:
            pass
        self.wants = None  # it would wake us again and again
        return True

    def _until_requests_end(self, session: Session) -> Generator[int, None, None]:
        session.open_no_windows()
        latest = self._latest(CLOSING_S)
        while session.window_is_busy and monotonic() < latest:
            yield CLOSING_MS

    def _until_taken(self) -> Generator[int, None, None]:
        self.wants = 0
        latest, poll = self._latest(TAKING_S), select.poll()
        poll.register(self.connection, 0)
        while not poll.poll(0) and monotonic() < latest:
            yield TICK_MS

    def _latest(self, seconds: float) -> float:
        return monotonic() + (HURRIED_S if self.is_hurried else seconds)

    def _say(self, **values: object) -> None:
        with suppress(OSError):  # the client is gone
            self.connection.send(line_of(**values), socket.MSG_NOSIGNAL)

    def _hand_out(self, descriptor: int) -> None:
        """Say that it records, and let the client look into the folder."""
        rights = socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor])
        with suppress(OSError):  # as above; it will be noticed
            self.connection.sendmsg([line_of(recording=True)], [rights], socket.MSG_NOSIGNAL)


def _size_of(folder: Path) -> int:
    total = 0
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):  # renamed by now: torch writes beside, and then moves
            total += entry.stat().st_size
    return total
