"""The folder that a profile leaves behind: ``recording/``, ``report.json``, ``report.html``.

Each step is kept when a later one fails: a finished profile is never lost.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infprof import __version__
from infprof.profiler.bad_input import BadInput

if TYPE_CHECKING:  # a program that profiles itself loads the rest only at its end
    from infprof.judging import Judging
    from infprof.profiler.collectors import Facts
    from infprof.profiler.recording import Recording, Subject
    from infprof.reports.report import Report


@dataclass(frozen=True, slots=True)
class Output:
    """Where one profile is written."""

    folder: Path
    lock: int | None = None
    """Descriptor that keeps other processes out; ``None`` where the file system cannot."""

    @property
    def raw(self) -> Path:
        """The session's raw files, until they are joined."""
        return self.folder / "recording" / "raw"

    @property
    def recording(self) -> Path:
        """The recording."""
        return self.folder / "recording"

    @property
    def html(self) -> Path:
        """The report for people."""
        return self.folder / "report.html"

    def release(self) -> None:
        """Let others record here; the end of this process does the same."""
        if self.lock is not None:
            os.close(self.lock)


def prepare(folder: Path) -> Output:
    """Make ``folder`` ours. An earlier profile of ours in it is replaced; nothing else is.

    Raises ``BadInput`` where it cannot be written, holds something that is not ours, or belongs to
    a process that still records.
    """
    recording = Output(folder).recording
    try:
        if folder.is_dir() and any(folder.iterdir()) and not recording.is_dir():
            raise BadInput(f"{folder}: holds other files; give an empty or new folder with -o")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _lock(folder)
        if recording.is_dir():
            shutil.rmtree(recording)
        for old in ("report.json", "report.html"):
            (folder / old).unlink(missing_ok=True)
        output = Output(folder.absolute(), lock)  # the program may change its folder
        output.raw.mkdir(parents=True, mode=0o700)
        os.chmod(folder, 0o700)
        if not os.access(output.raw, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadInput(f"{folder}: cannot be written ({reason}); choose another with -o") from error
    return output


def _lock(folder: Path) -> int | None:
    """Keep other processes from recording into ``folder``."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise BadInput(f"{folder}: another process records into it; choose another") from error
    except OSError:  # a file system without locks
        os.close(descriptor)
        return None
    return descriptor


def keep(
    output: Output,
    subject: Subject,
    sampled: dict[str, Facts | str],
    settings: dict[str, int | float | str | bool | None],
) -> Recording:
    """Join the raw files into the recording on disk and remove them. Raises ``OSError``."""
    from infprof.profiler.assemble import assemble
    from infprof.profiler.redact import redact

    clean = subject.model_copy(update={"command": redact(subject.command)})
    recording = assemble(output.raw, clean, __version__, sampled)
    recording.header.settings.update(settings)
    recording.save(output.recording)
    shutil.rmtree(output.raw, ignore_errors=True)
    return recording


def explain(recording: Recording, output: Output, judged: Judging | None = None) -> Report:
    """Diagnose and write both reports. Raises ``OSError``.

    What the settings say of the deployment is kept with the recording, which may be read where
    those settings are not.
    """
    from infprof.diagnosis import diagnose
    from infprof.reports.formats import render_to

    if judged is not None and judged.deployment is not None:
        recording.header.deployment = judged.deployment
        recording.save_header(output.recording)
    report = diagnose(recording, judged)
    render_to(output.folder / "report.json", report)
    render_to(output.html, report)
    return report
