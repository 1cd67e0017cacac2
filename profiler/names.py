"""What an event's name says about it: kernel families, API calls, copies, library frames.

Names decay with each library release, so the patterns are data (``names.json``), tried in order,
the first match wins. A name that no pattern knows is ``other``: unknown, never "no".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def _patterns(table: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    text = files("infprof.profiler").joinpath("names.json").read_text("utf-8")
    return tuple((label, re.compile(pattern)) for label, pattern in json.loads(text)[table].items())


def _first_match(table: str, name: str) -> str | None:
    return next((label for label, pattern in _patterns(table) if pattern.search(name)), None)


@cache
def kernel_family(name: str) -> str:
    """``gemm``, ``conv``, ``attention``, ``comm``, ``copy``, ``pointwise`` or ``other``."""
    return _first_match("kernel_family", name) or "other"


@cache
def kernel_precision(name: str) -> str | None:
    """``fp64``, ``fp32``, ``tf32``, ``fp16``, ``bf16``, ``fp8``, ``int8``; ``None`` is unknown."""
    return _first_match("kernel_precision", name)


@cache
def call_class(name: str) -> str:
    """``launch``, ``graph``, ``copy``, ``set``, ``sync``, ``alloc``, ``poll`` or ``other``."""
    return _first_match("call_class", name) or "other"


@cache
def copy_direction(name: str) -> str:
    """``h2d``, ``d2h``, ``d2d``, ``p2p``, ``h2h`` or ``unknown`` from ``Memcpy HtoD (...)``."""
    return _first_match("copy_direction", name) or "unknown"


@cache
def copy_memory(name: str) -> str:
    """Host side of a copy: ``pageable``, ``pinned``, ``managed``, ``device`` or ``unknown``."""
    return _first_match("copy_memory", name) or "unknown"


@cache
def frame_stage(name: str) -> str | None:
    """Stage that a known library's Python function or annotation belongs to, ``None`` if unknown.

    ``model`` marks the region of a model call: host time in it that no op explains is ``python``.
    """
    return declared_stage(name) or _first_match("frame_stage", name)


_declared = list[tuple[str, re.Pattern[str]]]()


def declare(patterns: Mapping[str, str]) -> None:
    """From now on these decide of which stage a frame is (``tables``): patterns by stage."""
    _declared[:] = [(stage, re.compile(pattern)) for stage, pattern in patterns.items()]
    frame_stage.cache_clear()


def declared_stage(name: str) -> str | None:
    """What the user's own table says of a frame; it may be of the program's own code."""
    return next((stage for stage, pattern in _declared if pattern.search(name)), None)


MODEL_CALL = "nn.Module: "
"""Begins the name of a range that our own hooks put around a model's call."""


def model_call(name: str) -> str | None:
    """The model's class, if a range of this name is a call of a model."""
    return name[len(MODEL_CALL) :] if name.startswith(MODEL_CALL) else None


@cache
def wait_frame(name: str) -> str | None:
    """What a thread in this Python function waits for: ``queue``, ``lock_wait``, ``io``."""
    return _first_match("wait_frame", name)


@cache
def serving_frame(name: str) -> str | None:
    """What a Python function is to a server. ``rest``: it waits for work, or for another thread's;
    ``rest in a server``: so where a server calls it; ``loop`` and ``wait``: they hand work on."""
    return _first_match("serving_frame", name)


WRAPPED = re.compile(
    r"(?P<entry>[\w.]+) in (library code"
    r"|(?P<function>.+) (?P<place>\((?P<file>.+):(?P<line>\d+)\)))"
)
"""Name of a range around a library's entry point: ``requests.request in fetch (serve.py:12)``."""


def entry_of(name: str) -> str:
    """``requests.request`` of a range around a library's entry point, else empty."""
    found = WRAPPED.fullmatch(name)
    return found["entry"] if found else ""


@cache
def depends_on_position(name: str) -> bool:
    """Whether a library's frame or entry point serves before a model call as well as after it."""
    return _first_match("position", name) is not None


@cache
def function_stage(function: str) -> str | None:
    """What a user's function says by its own name that it is for, ``None`` if nothing."""
    return _first_match("function_stage", function)


LONGEST_NAME = 60
SHORTEST_ENTRY = 15
"""Of a wrapped range's name so much is left, however long the user's function is called."""


@cache
def short_name(name: str) -> str:
    """A range's name fit for a table: the frame's line number and a long tail are cut off.

    Of a wrapped entry point the module is cut instead: the place says where to look.
    """
    plain = re.sub(r"\(\d+\): ", ": ", name).replace("enumerate(DataLoader)#", "DataLoader ")
    if len(plain) <= LONGEST_NAME:
        return plain
    if entry := entry_of(plain):
        tail = plain[len(entry) :]
        room = max(LONGEST_NAME - len(tail), SHORTEST_ENTRY)
        return plain if len(entry) <= room else "..." + entry[len(entry) - room + 3 :] + tail
    return plain[: LONGEST_NAME - 3] + "..."
