"""Reads a long trace in another process, while this one imports what will explain it.

What comes back is little: the columns of 200,000 events are 10 MB. Where it does not work, for
whatever reason, the file is read here.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infprof.profiler.recording import Recording

LONG_BYTES = {".gz": 1 << 20, ".json": 16 << 20}
"""From this size on, by the file's ending, reading takes longer than to start a process: 0.2 s."""

OWN = "recording.json", "report.json"
"""These stand for a whole folder."""

WRONG = b"wrong: "
"""How the other process begins to say what is wrong with the file; no recording begins so."""

OTHER = """\
import sys
sys.path[:] = sys.argv[2:]  # as here, and not what lies in the folder where we happen to be
from infprof.reading_ahead import read_for_another
read_for_another(sys.argv[1])
"""


@contextmanager
def reading_ahead(file: Path) -> Iterator[Callable[[], Recording]]:
    """Begins to read ``file``. Gives the function that waits for the recording, which raises
    ``BadInput`` as ``load`` does."""
    process = _start(file) if _is_long(file) and (os.cpu_count() or 1) > 1 else None
    try:
        yield lambda: _outcome(process, file)
    finally:
        if process is not None:
            process.kill()
            process.__exit__(None, None, None)  # closes the pipe, and waits


def _is_long(file: Path) -> bool:
    if file.name in OWN:
        return False
    try:
        return file.is_file() and file.stat().st_size >= LONG_BYTES.get(file.suffix, sys.maxsize)
    except OSError:
        return False


def _start(file: Path) -> subprocess.Popen[bytes] | None:
    command = [sys.executable, "-c", OTHER, str(file), *sys.path]
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    except OSError:
        return None


def _outcome(process: subprocess.Popen[bytes] | None, file: Path) -> Recording:
    from infprof.loading import load
    from infprof.profiler.bad_input import BadInput
    from infprof.profiler.packed import unpack

    found = process.communicate()[0] if process is not None else b""
    if found.startswith(WRONG):
        raise BadInput(found.removeprefix(WRONG).decode())
    try:
        return unpack(found)
    except ValueError:  # it ended before its time, or never began
        return load(file)


def read_for_another(file: str) -> None:
    """Writes the recording to stdout, or what is wrong with the file. Any other failure is silent:
    who waits for it then meets it too."""
    from infprof.profiler.bad_input import BadInput
    from infprof.profiler.importers import open_trace
    from infprof.profiler.packed import pack
    from infprof.progress import shown_on_terminal

    gc.disable()
    try:
        with shown_on_terminal(Path(file).name) as progress:
            found = pack(open_trace(Path(file), progress))
    except BadInput as error:
        found = WRONG + str(error).encode("utf-8", "replace")
    except (Exception, KeyboardInterrupt):
        sys.exit(1)
    with suppress(OSError):  # nobody waits for it any more
        sys.stdout.buffer.write(found)
        sys.stdout.flush()
