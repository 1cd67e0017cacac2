"""One load generator per file; the folder is the registry.

A tool is a module with ``SIGNS``, groups of which one must be found whole in the first 64 KiB of
its files (in the first line, if they are CSV), and ``read(document) -> Load``, which raises
``BadInput`` with a sentence that names no file. What a file does not tell is ``None``.

One that can run while a server is watched also has ``asked(command, folder) -> Asked | None``: how
it is made to write its result (``loads.asked``); ``None`` is another tool's command.
"""

from __future__ import annotations

from types import ModuleType

from infprof.profiler import registry
from infprof.profiler.loads.document import is_json

Signs = tuple[tuple[bytes, ...], ...]


def tool_of(head: bytes) -> ModuleType | None:
    """The first tool that a file which begins so is of."""
    for tool in registry.load("infprof.profiler.loads.tools", "infprof.loads").values():
        if has(head, tool.SIGNS):
            return tool
    return None


def has(head: bytes, signs: Signs) -> bool:
    """Whether one group of signs is there."""
    place = head if is_json(head) else head.lstrip().partition(b"\n")[0]
    return any(all(sign in place for sign in group) for group in signs)
