"""The socket that an agent listens on, in its place on disk, and a way to wake who waits there."""

from __future__ import annotations

import os
import select
import socket
from contextlib import suppress
from pathlib import Path

from infprof.profiler.agent.places import address, folders, name_of, open_folder, sweep


class Listening:
    """Of this process, until ``close``."""

    def __init__(self) -> None:
        """Raises ``OSError``."""
        self.pid, self._name = os.getpid(), name_of(os.getpid())
        self._folder, folder = _own_folder()
        self.path = folder / self._name
        try:
            sweep(self._folder, self._name)
            self._socket = self._listen()
        except OSError:
            os.close(self._folder)
            raise
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._identity = os.fstat(self._socket.fileno()).st_ino

    def _listen(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.setblocking(False)
            made.bind(address(self._folder, self._name))
            os.chmod(self._name, 0o600, dir_fd=self._folder)  # nobody gets in before it listens
            made.listen()
        except OSError:
            made.close()
            raise
        return made

    def wait(self, poll: select.poll, patience_ms: int | None) -> tuple[socket.socket | None, bool]:
        """Wait for a connection, for ``wake``, for what is registered with ``poll``, or for so
        long: the connection, and whether there was anything but time. Raises ``OSError``."""
        poll.register(self._socket, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        woken = {descriptor for descriptor, _ in poll.poll(patience_ms)}
        self._expect_own_files()
        if self._wake in woken:
            os.eventfd_read(self._wake)
        connection: socket.socket | None = None
        if self._socket.fileno() in woken:
            with suppress(OSError):  # it has left, or the program has no descriptor to spare
                connection, _ = self._socket.accept()
        return connection, bool(woken)

    def wake(self) -> None:
        """Let ``wait`` return, now or the next time."""
        with suppress(OSError):  # it has closed already
            os.eventfd_write(self._wake, 1)

    def _expect_own_files(self) -> None:
        """A program may close all files, as a daemon does, and have others under their numbers."""
        try:
            if os.fstat(self._socket.fileno()).st_ino == self._identity:
                return
        except OSError:
            pass
        self._socket.detach()
        raise OSError("the program has closed the agent's files")

    def close(self) -> None:
        """No more; the file goes too. In a forked child it stays: it is the parent's."""
        if self._socket.fileno() < 0:  # the program has closed it
            return
        self._socket.close()
        if os.getpid() == self.pid:
            with suppress(OSError):
                os.unlink(self._name, dir_fd=self._folder)
        os.close(self._folder)
        os.close(self._wake)


def _own_folder() -> tuple[int, Path]:
    """The first folder that can be used, open, and its path."""
    failures = list[str]()
    for folder in folders(os.geteuid(), os.environ):
        try:
            with suppress(FileExistsError):
                os.mkdir(folder, 0o700)
            return open_folder(folder, os.geteuid()), folder
        except OSError as error:
            failures.append(str(error))
    raise PermissionError("; ".join(failures))
