"""Programs that opted in, and what can be seen of them from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from infprof.profiler.agent.asking import socket_of
from infprof.profiler.agent.places import PREFIX

PATIENCE_S = 20.0


def until(true: Callable[[], object], what: str) -> None:
    """Look again and again until it is true; fail with ``what`` was awaited."""
    latest = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < latest, f"not in time: {what}"
        time.sleep(0.005)


def open_files(pid: int) -> list[str]:
    """What a process's descriptors lead to."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(os.readlink(link))
    return found


@dataclass
class Program:
    """One that is told what to do line by line, and answers each with a line."""

    process: subprocess.Popen[str]
    folder: Path
    """Its temporary files and its socket lie here."""

    @property
    def pid(self) -> int:
        return self.process.pid

    def tell(self, line: str) -> str:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def raw_folders(self) -> list[Path]:
        """Of recordings that go on."""
        return list(self.folder.glob(f"{PREFIX}*"))

    def files(self) -> list[str]:
        """What its descriptors lead to."""
        return sorted(one.partition(":")[0] for one in open_files(self.pid))

    def state(self) -> tuple[list[str], int, str]:
        """Open files, threads, and caught signals."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines)
        return self.files(), int(status["Threads"]), status["SigCgt"].strip()

    def until_tidy(self) -> None:
        """Who asked has left: wait until the agent has seen it."""
        until(lambda: not self.raw_folders(), "the folder is removed")
        until(lambda: self.files().count("socket") <= 1, "the connection is closed")


def environment(folder: Path, more: dict[str, str] | None = None) -> dict[str, str]:
    """In which a program keeps all its files in one folder."""
    return {
        **os.environ,
        "XDG_RUNTIME_DIR": str(folder),
        "TMPDIR": str(folder),
        "OMP_NUM_THREADS": "1",
        **(more or {}),
    }


@contextmanager
def running(
    folder: Path,
    source: str | None,
    *,
    command: Sequence[str] = (sys.executable, "-W", "error"),
    env: dict[str, str] | None = None,
) -> Iterator[Program]:
    """A program from its line "ready" to the end of the block, which its children see neither."""
    arguments = list(command)
    if source is not None:
        (folder / "program.py").write_text(textwrap.dedent(source))
        arguments.append("program.py")
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment(folder, env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Program(process, folder)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def listens(pid: int) -> bool:
    """Whether the process has an agent."""
    return socket_of(pid) is not None
