"""What ``infprof run --serve`` does: become the user's program, to which others can attach."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from infprof.profiler.bad_input import BadInput
from infprof.profiler.launch import become
from infprof.reporting import say


def serve(program: str, arguments: tuple[str, ...], module: bool) -> NoReturn:
    """Run any program with an agent in it. A name that ends in ``.py`` is run by this Python.

    From here on this process is the program: its number, signals and exit code are the program's.
    Raises ``BadInput`` where there is no such program.
    """
    command = [program, *arguments]
    if module:
        command = [sys.executable, "-m", *command]
    elif program.endswith(".py") and Path(program).is_file():
        command = [sys.executable, *command]
    if sys.stderr.isatty():
        say(f"infprof: to look at this program: infprof attach {os.getpid()}")
    try:
        become(command)
    except OSError as error:
        raise BadInput(f"{program}: cannot be run ({error.strerror})") from error
