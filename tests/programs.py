"""Runs a program as ``python script.py`` and as ``infprof run script.py``, to compare the two."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from infprof.profiler.recording import Recording

PYTHON = (sys.executable,)
INFPROF = (sys.executable, "-m", "infprof")
READY = b"ready\n"

ADDRESS = re.compile(rb"0x[0-9a-f]{6,}")

Act = Callable[["subprocess.Popen[bytes]"], None]


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    code: int
    out: bytes
    err: bytes


def alone(process: subprocess.Popen[bytes], number: int = signal.SIGINT) -> None:
    """Signal the process that was started, not its children."""
    os.kill(process.pid, number)


def group(process: subprocess.Popen[bytes], number: int = signal.SIGINT) -> None:
    """Signal it and its children, as a terminal does."""
    os.killpg(process.pid, number)


def start(
    command: Sequence[str],
    folder: Path,
    *,
    stdin: bytes | None = b"",
    act: Act | None = None,
    env: dict[str, str] | None = None,
) -> Ended:
    """Run to the end; ``act`` is called once the program has said that it is ready."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        said = b""
        if act is not None:
            assert process.stdout is not None
            said = process.stdout.readline()
            if said == READY:
                act(process)
        out, err = process.communicate(stdin, timeout=60)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return Ended(process.returncode, ADDRESS.sub(b"0x", said + out), ADDRESS.sub(b"0x", err))


@dataclass(frozen=True)
class Both:
    """One program, run bare and recorded."""

    bare: Ended
    ours: Ended
    folder: Path

    @property
    def recording(self) -> Recording:
        return Recording.load(self.folder / "recording")

    @property
    def missing(self) -> dict[str, str]:
        return self.recording.header.missing

    @property
    def notes(self) -> dict[str, str]:
        return {note.code: note.text for note in self.recording.header.notes}


def write(folder: Path, source: str, name: str = "script.py") -> Path:
    """A program's file."""
    file = folder / name
    file.write_text(textwrap.dedent(source))
    return file


def run_both(
    folder: Path,
    source: str,
    arguments: Sequence[str] = (),
    *,
    options: Sequence[str] = (),
    stdin: bytes | None = b"",
    act: Act | None = None,
    env: dict[str, str] | None = None,
) -> Both:
    """Run the program twice, side by side; that they ended alike is asserted here."""
    write(folder, source)
    commands = (PYTHON, (*INFPROF, "run", "-o", "out", *options))
    run = partial(start, folder=folder, stdin=stdin, act=act, env=env)
    with ThreadPoolExecutor(len(commands)) as pool:
        bare, ours = pool.map(run, ([*one, "script.py", *arguments] for one in commands))
    assert ours.code == bare.code, ours.err.decode()
    assert ours.out == bare.out
    if act is None:
        assert ours.err.startswith(bare.err), ours.err.decode()
    else:  # where a signal finds the program is chance, and so are its traceback's lines
        assert bare.err.splitlines()[-1:] in ([], *([line] for line in ours.err.splitlines()))
    return Both(bare, ours, folder / "out")
