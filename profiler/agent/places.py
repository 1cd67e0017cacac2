"""Where agents listen: a socket for each process, in a folder that is its user's alone.

All is done relative to the open folder, which was looked at before: nobody can put another in its
place, and a long path still fits into a socket's address.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "infprof-agent-"
"""Of the folders for raw files, in the system's folder for temporary ones."""


def folders(user: int, environment: Mapping[str, str]) -> list[Path]:
    """Where an agent of this user may listen, the best place first. The last is not the temporary
    folder of ``TMPDIR``, which who attaches may have set differently."""
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    first = [Path(runtime) / "infprof"] if runtime.startswith("/") else []
    return [*first, Path(f"/tmp/infprof-{user}")]


def open_folder(folder: Path, user: int) -> int:
    """A descriptor of a folder that is this user's alone. Raises ``OSError``."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    facts = os.fstat(descriptor)
    if facts.st_uid != user or stat.S_IMODE(facts.st_mode) & 0o077:
        os.close(descriptor)
        raise PermissionError(f"{folder} is open to other users")
    return descriptor


def address(folder: int, name: str) -> str:
    """Of a socket in an open folder."""
    return f"/proc/self/fd/{folder}/{name}"


def name_of(pid: int) -> str:
    """Of a process's socket."""
    return f"{pid}.sock"


def sweep(folder: int, own: str) -> None:
    """Remove what agents that did not end well left in an open folder: one with our number, and
    those of processes that are gone. Where somebody answers, it stays."""
    for name in os.listdir(folder):
        pid, _, ending = name.partition(".")
        dead = not os.path.exists(f"/proc/{pid}") and pid.isdecimal() and ending == "sock"
        if (dead or name == own) and not answers(folder, name):
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            _remove_if_left(left)


def answers(folder: int, name: str) -> bool:
    """Whether somebody listens on a socket in an open folder."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(address(folder, name))
        except BlockingIOError:  # its queue is full
            return True
        except OSError:
            return False
    return True


def _remove_if_left(folder: Path) -> None:
    """Remove a folder for raw files that nobody holds (``raw_folder``)."""
    descriptor = open_folder(folder, os.geteuid())
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(descriptor)


@contextmanager
def raw_folder() -> Iterator[tuple[Path, int]]:
    """A fresh folder for raw files, gone after the block, and its descriptor, which is locked as
    long as anybody holds it open, as who asked for the files does."""
    folder, maker = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")), os.getpid()
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder, descriptor
    finally:
        os.close(descriptor)
        if os.getpid() == maker:  # not in a forked child
            shutil.rmtree(folder, ignore_errors=True)
