"""Takes files out of a folder that another process has opened.

That process may be of another user, and hostile. So nothing here follows a path of its: only plain
files of its own user, with plain names and of a bounded size, are taken, and as data.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from contextlib import suppress
from pathlib import Path

PLAIN_NAME = re.compile(r"[a-z0-9-]{1,64}\.[a-z]{1,8}")

FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


def take(descriptor: int, user: int, folder: Path, most_bytes: int) -> None:
    """Copy the files of ``user`` in the open folder into ``folder``, up to so many bytes in all.
    Raises ``OSError``."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    room = most_bytes
    for name in sorted(filter(PLAIN_NAME.fullmatch, os.listdir(descriptor))):
        try:
            source = os.open(name, FLAGS, dir_fd=descriptor)
        except OSError:  # it has gone, or is a link
            continue
        try:
            facts = os.fstat(source)
            is_plain = stat.S_ISREG(facts.st_mode) and facts.st_uid == user
            if is_plain and facts.st_size <= room:
                room -= _copy(source, facts.st_size, folder / name)
        finally:
            os.close(source)


def _copy(source: int, size: int, path: Path) -> int:
    """So many bytes: the file may still be growing. Returns how many there were."""
    copied = 0
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(target, "wb") as file:
        while copied < size and (piece := os.read(source, min(1 << 20, size - copied))):
            copied += file.write(piece)
    return copied


def remove(descriptor: int) -> None:
    """Remove the open folder, where it is our own user's and can be found: its maker has died."""
    with suppress(OSError):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        here, there = os.fstat(descriptor), os.stat(path, follow_symlinks=False)
        if os.path.samestat(here, there) and here.st_uid == os.geteuid():
            shutil.rmtree(path)
