"""What the names of reads say: which library's, from which line, and whose matter they are."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from infprof.profiler.names import WRAPPED
from infprof.profiler.names import entry_of as entry_of
from infprof.rules.catalog.cpu_image_decode import decodes
from infprof.rules.catalog.reloaded_model import LOADS

FRAME = re.compile(r"(?P<file>.+)\(\d+\): ")


def source_of(name: str) -> str:
    """``requests`` of a wrapped or a recorded call, else the range's name without its numbers."""
    if entry := entry_of(name):
        return entry.partition(".")[0]
    if frame := FRAME.match(name):
        file = PurePosixPath(frame["file"])
        is_package = file.parent.name and not file.parent.name.startswith("python")
        return file.parent.name if is_package else file.stem
    return re.sub(r"\d+", "#", name)


def names_a_line(name: str) -> bool:
    """Whether a range's name says where in the program it is."""
    found = WRAPPED.fullmatch(name)
    return found is not None and found["place"] is not None


def sends(name: str) -> bool:
    """Whether a wrapped call is no read: an answer on its way to a client."""
    return (entry_of(name) or "").endswith(".sendall")


def reported_elsewhere(name: str, stage: str | None) -> bool:
    """Loading a model and decoding media have rules of their own (the place says neither)."""
    return bool(LOADS.search(name)) or decodes(name, stage)
