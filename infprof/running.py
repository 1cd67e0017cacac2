"""What ``infprof run`` does, and the lines it ends with."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from infprof.asked import Asked
from infprof.judging import judging
from infprof.output import explain, keep, prepare
from infprof.profiler import launch
from infprof.profiler.recording import BadInput, Subject
from infprof.profiler.schedule import Plan
from infprof.reporting import say, show
from infprof.settings import settings_of


def run_and_report(
    script: str,
    arguments: tuple[str, ...],
    out: Path,
    module: bool,
    as_json: bool,
    plan: dict[str, Any],
    entries: dict[str, dict[str, str]],
    asked: Asked,
) -> None:
    """Run the program, write its recording and reports, and end as it ended."""
    if not module and not Path(script).exists():
        raise BadInput(f"{script}: no such script; name a Python file, or use -m for a module")
    judged = judging(asked)  # what is wrong with it is told before anything runs
    output, chosen = prepare(out), Plan(**plan)
    command = ["-m", script, *arguments] if module else [script, *arguments]
    status, sampled = launch.run(command, output.raw, chosen, entries)
    os.umask(0o077)  # from here on only our own files are written
    subject = Subject(
        kind="run", name=Path(script).name, command=["python", *command], exit_code=status
    )
    try:
        recording = keep(output, subject, sampled, settings_of(chosen))
        show(
            explain(recording, output, judged), as_json, Console(stderr=True)
        )  # stdout is the program's
        say(f"\nReport: {out / 'report.html'}\nNext:   open it in a browser, or: infprof rules")
    except (Exception, KeyboardInterrupt) as error:  # the profile is on disk: say how to try again
        say(
            f"infprof: the report failed ({type(error).__name__}: {error})\n"
            f"The recording is safe. Try again with: infprof report {out} -o report.html"
        )
    sys.exit(launch.die_like(status))
