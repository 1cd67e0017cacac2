"""Reads a long trace in another process too, while this one imports what will explain it.

The other begins at once, with the first half of the file, or with all of it where it is packed;
this one reads the rest when it has its imports. What comes back is little: the columns of 200,000
events are 10 MB. Where it does not work, for whatever reason, the whole file is read here.
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

from infprof.frugality import one_thread
from infprof.profiler.kineto.parting import boundary

if TYPE_CHECKING:
    from infprof.profiler.recording import Recording

LONG_BYTES = {".gz": 1 << 20, ".json": 16 << 20}
"""From this size on, by the file's ending, reading takes longer than to start a process: 0.2 s."""

HEAD_START_BYTES = 30 << 20
"""The other reads so much more than this one, whose imports take 0.2 s longer. Of 6 to 100 MB 24 to
36 were the quickest for a trace of 56 MB (two cores, medians of 15 runs side by side)."""

OWN = "recording.json", "report.json"
"""These stand for a whole folder."""

OTHER = """\
import sys
sys.path[:] = sys.argv[3:]  # as here, and not what lies in the folder where we happen to be
from infprof.reading_ahead import read_for_another
read_for_another(sys.argv[1], int(sys.argv[2]))
"""

TO_THE_END = -1


@contextmanager
def reading_ahead(file: Path) -> Iterator[Callable[[], Recording]]:
    """Begins to read ``file``. Gives the function that waits for the recording, which raises
    ``BadInput`` as ``load`` does."""
    process, until = None, TO_THE_END
    if _is_long(file) and (os.cpu_count() or 1) > 1:
        until = _where_to_cut(file)
        process = _start(file, until)
    try:
        yield lambda: _outcome(process, file, until)
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


def _where_to_cut(file: Path) -> int:
    """The offset of the comma behind the last event that the other shall read."""
    if file.suffix == ".gz":
        return TO_THE_END
    try:
        found = boundary(file, (file.stat().st_size + HEAD_START_BYTES) // 2)
    except OSError:
        return TO_THE_END
    return TO_THE_END if found is None else found


def _start(file: Path, until: int) -> subprocess.Popen[bytes] | None:
    command = [sys.executable, "-c", OTHER, str(file), str(until), *sys.path]
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    except OSError:
        return None


def _outcome(process: subprocess.Popen[bytes] | None, file: Path, until: int) -> Recording:
    from infprof.loading import load
    from infprof.profiler.importers import importer_of, kineto
    from infprof.profiler.kineto.document import NotExact

    if process is not None and importer_of(file) is kineto:
        with suppress(ValueError, NotExact):  # among them ``BadInput``: told when it is met again
            return _together(process, file, until)
    return load(file)


def _together(process: subprocess.Popen[bytes], file: Path, until: int) -> Recording:
    """What both have read. Raises ``ValueError``, also where the other ended before its time."""
    from infprof.profiler.importers.kineto import recording_of
    from infprof.profiler.kineto.packed import unpack
    from infprof.profiler.kineto.parts import joined, read_part
    from infprof.profiler.kineto.trace_file import Stretch

    rest = [] if until == TO_THE_END else [read_part(file, Stretch(begin=until + 1))]
    first = unpack(process.communicate()[0])
    return recording_of(file, joined([first, *rest]))


def read_for_another(name: str, until: int) -> None:
    """Writes the packed part to stdout. Any failure is silent: who waits for it meets it too."""
    with one_thread():
        from infprof.profiler.kineto.packed import pack
        from infprof.profiler.kineto.parts import read_part
        from infprof.profiler.kineto.trace_file import WHOLE, Stretch
        from infprof.progress import shown_on_terminal

    gc.disable()
    file = Path(name)
    try:
        with shown_on_terminal(file.name) as progress:
            stretch = WHOLE if until == TO_THE_END else Stretch(end=until)
            found = pack(read_part(file, stretch, progress))
    except (Exception, KeyboardInterrupt):
        sys.exit(1)
    with suppress(OSError):  # nobody waits for it any more
        sys.stdout.buffer.write(found)
        sys.stdout.flush()
