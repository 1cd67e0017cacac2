"""Open whatever holds a profile: a recording of ours, a folder with one, or a foreign trace."""

from __future__ import annotations

import os
from pathlib import Path

from infprof import __version__
from infprof.profiler.recording import BadInput, Recording, Subject


def load(path: str | os.PathLike[str]) -> Recording:
    """The recording at ``path``. Raises ``BadInput``, whose message names the file and the cure."""
    from infprof.profiler.importers import open_trace

    where = Path(path)
    if where.name in ("recording.json", "report.json", "report.html"):
        where = where.parent  # one of ours: what it was made from lies beside it
    for folder in (where, where / "recording"):
        if (folder / "recording.json").is_file():
            return Recording.load(folder)
        if (folder / "raw" / "session.json").is_file():
            return _unfinished(folder / "raw", name=where.name)
    if where.is_dir():
        raise BadInput(
            f"{where}: holds no recording; name a trace file, or the folder that infprof run wrote"
        )
    return open_trace(where)


def _unfinished(raw: Path, name: str) -> Recording:
    """What a run left whose end nobody wrote: it was killed, or goes on still."""
    from infprof.profiler.assemble import assemble

    reason = "the run that sampled it did not come to its end"
    return assemble(
        raw, Subject(kind="run", name=name), __version__, {"gpu": reason, "host": reason}
    )
