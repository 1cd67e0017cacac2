"""One foreign trace format per file; the folder is the registry.

An importer is a module with ``recognises(head: bytes) -> bool``, told the first 64 KiB of a file
after gunzip, and ``read(path: Path) -> Recording``, which raises ``BadInput``.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from infprof.profiler import registry
from infprof.profiler.kineto import trace_file
from infprof.profiler.recording import BadInput, Recording


def open_trace(path: Path) -> Recording:
    """Read a trace somebody else recorded, plain or gzipped. Raises ``BadInput``."""
    recording: Recording = importer_of(path).read(path)
    return recording


def importer_of(path: Path) -> ModuleType:
    """The first that recognises the file. Raises ``BadInput``."""
    head = trace_file.head(path)
    for importer in registry.load("infprof.profiler.importers", "infprof.importers").values():
        if importer.recognises(head):
            return importer
    raise BadInput(
        f"{path}: not a trace in a format known here;"
        " give the JSON file that torch.profiler's export_chrome_trace wrote,"
        " a profile of ONNX Runtime, a saved metrics page, or the result file of a load generator"
    )
