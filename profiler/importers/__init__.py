"""One foreign trace format per file; the folder is the registry.

An importer is a module with ``recognises(head: bytes) -> bool``, told the first 64 KiB of a file
after gunzip, and ``read(path: Path) -> Recording``, which raises ``BadInput``. Where it says
``TELLS_PROGRESS = True``, ``read`` also takes who is told of the bytes read, and of all.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from infprof.profiler import registry
from infprof.profiler.kineto import trace_file
from infprof.profiler.kineto.trace_file import Progress
from infprof.profiler.recording import BadInput, Recording


def open_trace(path: Path, progress: Progress | None = None) -> Recording:
    """Read a trace somebody else recorded, plain or gzipped. Raises ``BadInput``."""
    importer = importer_of(path)
    tells = progress is not None and getattr(importer, "TELLS_PROGRESS", False)
    recording: Recording = importer.read(path, *([progress] if tells else []))
    return recording


def importer_of(path: Path) -> ModuleType:
    """The first that recognises the file. Raises ``BadInput``."""
    head = trace_file.head(path)
    for importer in registry.load("infprof.profiler.importers", "infprof.importers").values():
        if importer.recognises(head):
            return importer
    raise BadInput(
        f"{path}: not a trace in a format known here;"
        " give the JSON file that torch.profiler's export_chrome_trace wrote"
    )
