"""What ``infprof run`` and ``infprof report`` do, and the lines they end with."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from infprof.diagnosis import diagnose
from infprof.loading import load
from infprof.output import explain, keep, prepare
from infprof.profiler import launch
from infprof.profiler.recording import BadInput, Subject
from infprof.profiler.schedule import Plan
from infprof.reports.as_text import print_report
from infprof.reports.formats import formats, render_to
from infprof.reports.report import Report
from infprof.settings import settings_of


def run_and_report(
    script: str,
    arguments: tuple[str, ...],
    out: Path,
    module: bool,
    as_json: bool,
    plan: dict[str, Any],
    entries: dict[str, dict[str, str]],
) -> None:
    """Run the program, write its recording and reports, and end as it ended."""
    if not module and not Path(script).exists():
        raise BadInput(f"{script}: no such script; name a Python file, or use -m for a module")
    output, chosen = prepare(out), Plan(**plan)
    command = ["-m", script, *arguments] if module else [script, *arguments]
    status, sampled = launch.run(command, output.raw, chosen, entries)
    os.umask(0o077)  # from here on only our own files are written
    subject = Subject(
        kind="run", name=Path(script).name, command=["python", *command], exit_code=status
    )
    try:
        recording = keep(output, subject, sampled, settings_of(chosen))
        _show(explain(recording, output), as_json, Console(stderr=True))  # stdout is the program's
        _say(f"\nReport: {out / 'report.html'}\nNext:   open it in a browser, or: infprof rules")
    except (Exception, KeyboardInterrupt) as error:  # the profile is on disk: say how to try again
        _say(
            f"infprof: the report failed ({type(error).__name__}: {error})\n"
            f"The recording is safe. Try again with: infprof report {out} -o report.html"
        )
    sys.exit(launch.die_like(status))


def report_on(file: Path, out: Path | None, as_json: bool) -> None:
    """Explain a file; print the result, and write it where asked."""
    if out is not None and out.suffix.lstrip(".").lower() not in formats():
        known = ", ".join(f".{one}" for one in sorted(formats()))
        raise BadInput(f"{out}: no format for this ending; known are {known}")
    report = diagnose(load(file))
    if out is not None:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            render_to(out, report)
        except OSError as error:
            reason = error.strerror or str(error)
            raise BadInput(f"{out}: cannot be written ({reason}); choose another -o") from error
    _show(report, as_json, Console())
    if out is not None:
        _say(f"\nReport: {out}")
    elif not as_json:
        _say(f"\nNext: infprof report {file} -o report.html")


def _show(report: Report, as_json: bool, console: Console) -> None:
    if as_json:
        sys.stdout.write(report.to_json() + "\n")
        sys.stdout.flush()
    else:
        print_report(report, console)


def _say(text: str) -> None:
    if sys.stderr is not None:  # closed by who started us
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
