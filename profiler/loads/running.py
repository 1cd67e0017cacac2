"""Runs a load generator while a server is watched, and finds its result.

It has a process group of its own: Ctrl-C is ours, and what is left of it is ended as a whole. What
it prints goes into files, for a progress bar is no reading; its last lines are kept for errors.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from infprof.profiler.bad_input import BadInput
from infprof.profiler.clock import now_ns
from infprof.profiler.importers.load_result import load_of
from infprof.profiler.loads.asked import Asked, asked
from infprof.profiler.loads.generator_cpu import GeneratorCpu
from infprof.profiler.loads.load import Load
from infprof.profiler.redact import redact

LOOK_S = 0.1
END_WITHIN = ((signal.SIGINT, 15.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
"""By what a load is ended, and how long it has to write its result then, in seconds."""
AFTER_S = 60.0
"""For the command that makes a report of the result."""
NOT_STARTED = 126
"""As shells say it."""
LAST_LINES = 8
TAIL_BYTES = 8 << 10
LARGEST = 256 << 20
"""Bytes of a result; single results of an hour have 100 MB."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a load."""

    command: str
    """As it was given, redacted."""
    load: Load | None
    why: str
    """Why there is no result."""
    status: int
    """As ``subprocess`` gives it."""
    was_cut: bool
    """It was ended by us."""
    wall_ns: int
    last_lines: tuple[str, ...]
    """Of what it printed, as it printed them: for the terminal, not to be kept."""


def split(command: str) -> list[str]:
    """The words of a command line, as a shell without its tricks would take them. Raises
    ``BadInput`` where it cannot be run."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise BadInput(f"--load: {error}; give the command as one quoted word") from error
    if not words:
        raise BadInput("--load: say which command runs the load")
    if shutil.which(words[0]) is None:
        raise BadInput(f"--load: there is no program {redact(words)[0]}; is it installed?")
    return words


class Running:
    """One run of a command; ``run`` belongs in a thread of its own."""

    def __init__(self, words: Sequence[str], folder: Path) -> None:
        self.command = shlex.join(redact(list(words)))
        self._asked: Asked = asked(words, folder)
        self._out, self._err = folder / "stdout", folder / "stderr"
        self._before = _files(self._asked.places)
        self._folder = folder

    def run(self, stopped: threading.Event) -> Ran:
        """To its end, or until ``stopped`` is set."""
        began = now_ns()
        try:
            with self._out.open("wb") as out, self._err.open("wb") as err:
                process = subprocess.Popen(
                    self._asked.words,
                    stdin=_stdin(),
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
        except OSError as error:
            why = f"it did not start ({error.strerror or error})"
            return Ran(self.command, None, why, NOT_STARTED, False, 0, ())
        cpu, was_cut = GeneratorCpu(process.pid), False
        try:
            while process.poll() is None and not was_cut:
                cpu.look()
                was_cut = stopped.wait(LOOK_S) and process.poll() is None
        finally:
            if process.poll() is None:
                _end(process)
        wall_ns = now_ns() - began
        load, why = self._result()
        if load is not None:
            load = self._with_told(load, cpu.share(load.window_ns))
        lines = _last_lines(self._err) or _last_lines(self._out)
        return Ran(self.command, load, why, process.returncode, was_cut, wall_ns, lines)

    def _with_told(self, load: Load, cpu: float | None) -> Load:
        """The result, with what the command line and our own look at the processes add to it."""
        known = {
            "generator_cpu": cpu,
            "concurrency": self._asked.users,
            "offered_per_s": self._asked.rate_per_s,
            "arrivals": self._asked.arrivals,
        }
        own = {name: value for name, value in known.items() if getattr(load, name) is None}
        return load.model_copy(update=own)

    def _result(self) -> tuple[Load | None, str]:
        """The first that can be read; else why none can."""
        why = "it wrote no result that could be found; write {out} where its file is named"
        for path, data in (*self._written(), *self._printed()):
            try:
                return load_of(path, data), ""
            except BadInput as error:
                why = str(error).replace(str(self._folder) + os.sep, "")
        return None, why

    def _written(self) -> list[tuple[Path, bytes]]:
        """Files that are new, and of those that were there what was added since."""
        after = _files(self._asked.places)
        new = {path: data.removeprefix(self._before.get(path, b"")) for path, data in after.items()}
        return [(path, data) for path, data in new.items() if data.strip()]

    def _printed(self) -> list[tuple[Path, bytes]]:
        if self._asked.after is not None:
            try:
                done = subprocess.run(
                    self._asked.after, stdin=subprocess.DEVNULL, capture_output=True,
                    timeout=AFTER_S, check=False,
                )  # fmt: skip
            except (OSError, subprocess.TimeoutExpired):
                return []
            return [(Path("its report"), done.stdout)] if done.stdout.strip() else []
        data = _read(self._out) or b""
        return [(Path("what it printed"), data)] if data.strip() and not self._asked.places else []


def _end(process: subprocess.Popen[bytes]) -> None:
    """The whole group, ever more firmly."""
    for number, patience_s in END_WITHIN:
        _signal(process.pid, number)
        try:
            process.wait(patience_s)
            break
        except subprocess.TimeoutExpired:
            continue
    _signal(process.pid, signal.SIGKILL)


def _signal(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # all of it has ended, or is not ours
        pass


def _stdin() -> int | None:
    """Ours, as ``vegeta attack`` reads its targets there, but no terminal: a process group in its
    background that reads it is stopped."""
    try:
        is_file = sys.stdin is not None and not os.isatty(sys.stdin.fileno())
    except (OSError, ValueError):  # closed, or none of the system's
        is_file = False
    return None if is_file else subprocess.DEVNULL


def _files(places: Sequence[str]) -> dict[Path, bytes]:
    found = (Path(one) for place in places for one in sorted(glob(place, recursive=True)))
    read = {path: _read(path) for path in found}
    return {path: data for path, data in read.items() if data is not None}


def _read(path: Path) -> bytes | None:
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return None
        return path.read_bytes()
    except OSError:
        return None


def _last_lines(path: Path) -> tuple[str, ...]:
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - TAIL_BYTES, 0))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ()
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines()]
    return tuple(line for line in lines if line)[-LAST_LINES:]
