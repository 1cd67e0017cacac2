"""The folder that a profile leaves behind: ``recording/``, ``report.json``, ``report.html``.

Each step is kept when a later one fails: a finished profile is never lost.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from infprof import __version__
from infprof.diagnosis import diagnose
from infprof.profiler.assemble import assemble
from infprof.profiler.collectors import Facts
from infprof.profiler.recording import BadInput, Recording, Subject
from infprof.profiler.redact import redact
from infprof.reports.formats import render_to
from infprof.reports.report import Report


@dataclass(frozen=True, slots=True)
class Output:
    """Where one profile is written."""

    folder: Path

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


def prepare(folder: Path) -> Output:
    """Make ``folder`` ready. An earlier profile of ours in it is replaced; nothing else is.

    Raises ``BadInput`` where it cannot be written or holds something that is not ours.
    """
    output = Output(folder)
    try:
        if folder.is_dir() and any(folder.iterdir()) and not output.recording.is_dir():
            raise BadInput(f"{folder}: holds other files; give an empty or new folder with -o")
        if output.recording.is_dir():
            shutil.rmtree(output.recording)
        for old in ("report.json", "report.html"):
            (folder / old).unlink(missing_ok=True)
        output.raw.mkdir(parents=True, mode=0o700)
        os.chmod(folder, 0o700)
        if not os.access(output.raw, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadInput(f"{folder}: cannot be written ({reason}); choose another with -o") from error
    return output


def keep(
    output: Output,
    subject: Subject,
    sampled: dict[str, Facts | str],
    settings: dict[str, int | float | str | bool | None],
) -> Recording:
    """Join the raw files into the recording on disk and remove them. Raises ``OSError``."""
    clean = subject.model_copy(update={"command": redact(subject.command)})
    recording = assemble(output.raw, clean, __version__, sampled)
    recording.header.settings.update(settings)
    recording.save(output.recording)
    shutil.rmtree(output.raw)
    return recording


def explain(recording: Recording, output: Output) -> Report:
    """Diagnose and write both reports. Raises ``OSError``."""
    report = diagnose(recording)
    render_to(output.folder / "report.json", report)
    render_to(output.html, report)
    return report
