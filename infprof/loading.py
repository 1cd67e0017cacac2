"""Open whatever holds a profile: a recording of ours, a folder with one, or a foreign trace."""

from __future__ import annotations

import os
from pathlib import Path

from infprof.profiler.recording import BadInput, Recording


def load(path: str | os.PathLike[str]) -> Recording:
    """The recording at ``path``. Raises ``BadInput``, whose message names the file and the cure."""
    from infprof.profiler.importers import open_trace

    where = Path(path)
    for folder in (where, where / "recording", where.parent):
        if (folder / "recording.json").is_file() and (folder != where.parent or _is_ours(where)):
            return Recording.load(folder)
    if where.is_dir():
        raise BadInput(
            f"{where}: a folder without a recording; name a trace file or `infprof run`'s"
        )
    return open_trace(where)


def _is_ours(file: Path) -> bool:
    return file.name == "recording.json"
