"""A user's own table of libraries, beside the known ones: which calls and frames are which stage.

A JSON file (``infprof run --tables FILE``, ``infprof report --tables FILE``)::

    {"entry_points": {"shop.store": {"Store.fetch": "io"}},
     "frames": {"preprocess": "shop/features/", "postprocess": "answers.py.*: format_"}}

``entry_points`` are wrapped and timed exactly: module, then attribute, then stage (or ``request``).
``frames`` are regular expressions, found anywhere in a frame ``path/of/file.py(line): function`` of
a library or of the program itself. They come before everything that is known without them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from infprof.profiler.bad_input import BadInput
from infprof.profiler.stages import DECLARABLE


def _declarable(stage: str) -> str:
    if stage not in DECLARABLE:
        raise ValueError(f"{stage!r} is none of the stages {', '.join(sorted(DECLARABLE))}")
    return stage


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    return pattern


Stage = Annotated[str, AfterValidator(_declarable)]
Pattern = Annotated[str, AfterValidator(_compiles)]


class Tables(BaseModel):
    """What a file may hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entry_points: dict[str, dict[str, Stage | Literal["request"]]] = {}
    frames: dict[Stage, Pattern] = {}


def read_tables(path: Path) -> Tables:
    """The file's tables. Raises ``BadInput``, which names the first thing that is wrong."""
    try:
        return Tables.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BadInput(f"{path}: {place}: {first['msg']}; see docs/how-it-works.md") from error
