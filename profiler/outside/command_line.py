"""What a process is called by the people who started it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from infprof.profiler.probes.quiet_files import read

LONGEST_NAME = 60
"""Some programs write a whole sentence where their command line was."""

PYTHON = re.compile(r"python(\d(\.\d+t?)?)?d?")
"""File names of the interpreter."""

_FLAGS = re.compile(r"-[bBdEhiIOPqRsSuvVx?]*")
_MODULE = re.compile(rf"{_FLAGS.pattern}m(.*)", re.S)
_CODE = re.compile(rf"{_FLAGS.pattern}c(.*)", re.S)
_LIBRARY_START = re.compile(r"from ([\w.]*(?:multiprocessing|loky)[\w.]*) import ")
"""How ``multiprocessing`` and joblib start their processes: ``python -c`` with such code."""
_WITH_VALUE = ("-X", "-W", "--check-hash-based-pycs")


def command_line(pid: int) -> list[str]:
    """Its arguments as it was started, or as it has written over them; none for the kernel's own
    threads, and where they may not be read."""
    text = read(f"/proc/{pid}/cmdline") or ""
    return text.rstrip("\0").split("\0") if text.strip("\0") else []


def name_of(command: Sequence[str], program: str) -> str:
    """The script or the module that Python runs, else the program: one printable line."""
    first = os.path.basename(command[0]) if command else ""
    if PYTHON.fullmatch(first):
        return _printable(script_of(command[1:]) or first)
    if len(command) == 1 and PYTHON.fullmatch(program):
        return _printable(command[0])  # it has given itself a title, as gunicorn's workers do
    return _printable(program or first)


def script_of(arguments: Sequence[str]) -> str | None:
    """The script's file name or the module's name among the interpreter's arguments; ``None``
    where the code came in another way, unless ``multiprocessing`` wrote it."""
    rest = iter(arguments)
    for argument in rest:
        if module := _MODULE.fullmatch(argument):
            return module[1] or next(rest, None)
        if code := _CODE.fullmatch(argument):
            start = _LIBRARY_START.match(code[1] or next(rest, ""))
            return start[1] if start else None
        if argument == "-":
            return None
        if argument in _WITH_VALUE:
            next(rest, None)
        elif not argument.startswith("-"):
            return os.path.basename(argument) or None
    return None


def _printable(name: str) -> str:
    """The name goes into sentences on a terminal, and whoever runs the process chose it."""
    line = "".join(one if one.isprintable() else "?" for one in name)
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1] + "…"
