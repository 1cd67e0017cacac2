"""What ``infprof report`` does, and how a report and the lines after it are shown."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from infprof.asked import Asked
from infprof.diagnosis import diagnose
from infprof.judging import judging
from infprof.profiler.recording import BadInput, Header, Recording
from infprof.reports.as_text import print_report
from infprof.reports.formats import formats, render_to
from infprof.reports.report import Report
from infprof.rules.choice import catalog


def report_on(
    file: Path, read: Callable[[], Recording], out: Path | None, as_json: bool, asked: Asked
) -> None:
    """Explain what ``read`` gives of a file; print the result, and write it where asked."""
    if out is not None and _extension(out) not in formats():
        known = ", ".join(f".{one}" for one in sorted(formats()))
        raise BadInput(f"{out}: no format for this ending; known are {known}")
    judged = judging(asked)
    _get_ready(out)
    report = diagnose(read(), judged)
    if out is not None:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            render_to(out, report)
        except OSError as error:
            reason = error.strerror or str(error)
            raise BadInput(f"{out}: cannot be written ({reason}); choose another -o") from error
    show(report, as_json, Console())
    if out is not None:
        say(f"\nReport: {out}")
    elif not as_json:
        say(f"\nNext: infprof report {file} -o report.html")


def _get_ready(out: Path | None) -> None:
    """What would else be done later, now that another process may read: import the rules, have the
    models' validators made, and whatever the format asked for can do ahead."""
    catalog()
    Header.model_rebuild()
    Report.model_rebuild()
    if out is not None:
        getattr(formats()[_extension(out)], "get_ready", lambda: None)()


def _extension(out: Path) -> str:
    return out.suffix.lstrip(".").lower()


def show(report: Report, as_json: bool, console: Console) -> None:
    """Print the summary, or the whole document."""
    if as_json:
        sys.stdout.write(report.to_json() + "\n")
        sys.stdout.flush()
    else:
        print_report(report, console)


def say(text: str) -> None:
    """A line for the user, apart from what programs print."""
    if sys.stderr is not None:  # closed by who started us
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
