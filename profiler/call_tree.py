"""The tree of sampled calls as the profiled process collects it: frames in, small integers out.

A call is a code object at one of its instructions, called from its parent. New ones are written
down as lines of JSON, so that what was seen survives a kill. Imports the standard library alone.
"""

from __future__ import annotations

import os
import re
import sys
from json import dumps  # the function itself, which the program's wrapped one is not
from opcode import opname
from pathlib import Path
from types import CodeType, FrameType
from typing import TextIO

MOST_CALLS = 100_000
"""A program that runs ever new code would otherwise fill the memory: 100 bytes each."""

MODEL_FILE = "torch/nn/modules/module.py"
"""Of torch's: its functions call a module's ``forward``."""

DEEPEST = 200
"""Outer frames of a deeper stack are left out."""

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OURS_LINKED = os.path.join(_OURS, "infprof") + os.sep, os.path.join(_OURS, "profiler") + os.sep
_STANDARD = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_INSTALLED = f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}"
_ANY_STANDARD = re.compile(r"/lib(64)?/python3\.\d+/")
"""The standard library of whichever Python: a process that we watch may run another one."""

_NO_FILES = "<string>", "<stdin>"
"""Code typed in or given by ``-c`` is the user's; other names in brackets are not."""

_is_user: dict[str, bool] = {}
_is_ours: dict[str, bool] = {}


def is_user(file: str) -> bool:
    """Whether a code object's file is the program's own."""
    known = _is_user.get(file)
    if known is None:
        inside = file.startswith(_STANDARD) or any(part in file for part in _INSTALLED)
        inside = inside or _ANY_STANDARD.search(file) is not None
        generated = file.startswith("<") and file not in _NO_FILES
        known = _is_user[file] = not (inside or generated or is_ours(file))
    return known


def is_ours(file: str) -> bool:
    """Whether it is a file of this package, which a sample leaves out."""
    known = _is_ours.get(file)
    if known is None:
        known = _is_ours[file] = file.startswith(_OURS_LINKED)
    return known


def raised_by_user(error: BaseException) -> bool:
    """Whether the program's own code raised it, as a signal handler may at any moment."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and is_user(trace.tb_frame.f_code.co_filename)


def name_of(code: CodeType) -> str:
    """The function's name as its author would say it; of one without a name also whose it is."""
    full: str = getattr(code, "co_qualname", code.co_name)  # 3.11 and later
    outer, _, own = full.rpartition(".<locals>.")
    if outer and own.startswith("<"):
        return f"{outer.rpartition('.<locals>.')[2]}.{own}"
    return own


CONDITIONS_JUMP_BACK = sys.version_info < (3, 11)
"""Then the end of a ``while`` loop is a condition like others, but for where it leads."""

TURNS = "JUMP_BACKWARD", "POP_JUMP_BACKWARD", "JUMP_ABSOLUTE", "RESUME"


def _begins_turn(code: CodeType, offset: int) -> bool:
    """Whether an instruction jumps back to a loop's head, or begins a function. A thread that runs
    Python is found at such ones, and one that called native code at that call.

    Instructions lie at even offsets; an odd one in a recording is a turn (``stacks.Place``).
    """
    if not 0 <= offset < len(code.co_code):
        return False
    name = opname[code.co_code[offset]]
    if CONDITIONS_JUMP_BACK and name.startswith("POP_JUMP_IF"):
        return 2 * code.co_code[offset + 1] < offset
    return name.startswith(TURNS)


def _calls_model(code: CodeType) -> bool:
    return code.co_name.endswith("_call_impl") and code.co_filename.endswith(MODEL_FILE)


Stack = list[tuple[CodeType, int, int | None]]
"""Code, instruction and line of each call, innermost first; ours are left out."""


def stack_of(frame: FrameType | None) -> Stack:
    """Where ``frame`` and its callers are now: the program may go on before the next instruction
    of ours, and then they are somewhere else, or over."""
    stack: Stack = []
    while frame is not None and len(stack) < DEEPEST:
        code = frame.f_code
        if not is_ours(code.co_filename):
            stack.append((code, frame.f_lasti, frame.f_lineno))
        frame = frame.f_back
    return stack


def _line_before(code: CodeType, offset: int) -> int:
    """The line of the last instruction up to ``offset`` that has one: a jump back has none."""
    lines = [line for start, _, line in code.co_lines() if line is not None and start <= offset]
    return lines[-1] if lines else code.co_firstlineno


class CallTree:
    """Gives each call a number. To be used by one thread at a time."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._in_model = list[bool]()
        self._known: dict[tuple[int, CodeType, int], int] = {}

    def add(self, frame: FrameType | None) -> int:
        """The number of the call that ``frame`` is in; -1 for no call of the program's."""
        return self.add_stack(stack_of(frame))

    def add_stack(self, stack: Stack) -> int:
        """The number of a stack's innermost call; -1 for an empty one."""
        call = -1
        for code, offset, line in reversed(stack):
            key = (call, code, offset)
            known = self._known.get(key)
            if known is None:
                if len(self._known) >= MOST_CALLS:
                    return call
                known = self._known[key] = len(self._known)
                self._in_model.append(self.in_model(call) or _calls_model(code))
                self._write(call, code, offset, line)
            call = known
        return call

    def in_model(self, call: int) -> bool:
        """Whether it lies within a call of a ``torch.nn.Module``."""
        return call >= 0 and self._in_model[call]

    def flush(self) -> None:
        """Hand the lines to the system."""
        self._file.flush()

    def close(self) -> None:
        """No more."""
        self._file.close()

    def _write(self, parent: int, code: CodeType, offset: int, line: int | None) -> None:
        file = code.co_filename
        line = _line_before(code, offset) if line is None else line
        offset |= _begins_turn(code, offset)
        row = [parent, file, name_of(code), line, offset, is_user(file)]
        self._file.write(dumps(row) + "\n")


def open_tree(folder: Path) -> CallTree:
    """A tree written into ``folder``. Raises ``OSError``."""
    return CallTree((folder / "calls.jsonl").open("a", encoding="ascii"))
