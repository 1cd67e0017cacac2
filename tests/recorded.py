"""What a block of test code leaves behind, recorded by a real session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infprof.frugality import no_collection
from infprof.profiler.assemble import assemble
from infprof.profiler.events import Kind
from infprof.profiler.recording import Phase, Recording, Subject
from infprof.profiler.request import serve
from infprof.profiler.schedule import Plan
from infprof.profiler.session import Session
from infprof.profiler.stages import STAGES

NO_WINDOWS = Plan(windows=0)


@dataclass
class Recorded:
    """A session, and after the block the recording of it."""

    session: Session
    recording: Recording | None = None

    @property
    def done(self) -> Recording:
        assert self.recording is not None, "ask after the block"
        return self.recording

    @property
    def ranges(self) -> list[tuple[str | None, str]]:
        """(stage, name) of each range, in order of its start."""
        events = self.done.events
        rows = [row for row in range(len(events)) if events.kind[row] == Kind.RANGE]
        rows.sort(key=lambda row: int(events.start_ns[row]))
        stages = {-1: None, **dict(enumerate(STAGES))}
        return [(stages[int(events.stage[row])], events.names[events.name[row]]) for row in rows]

    @property
    def phases(self) -> list[Phase]:
        """Of each request, in order of its start."""
        return [Phase(int(phase)) for phase in self.done.requests.phase]


@contextmanager
def recorded(folder: Path, plan: Plan = NO_WINDOWS) -> Iterator[Recorded]:
    """Record this process for the length of a block, in which no pause of Python's collector comes
    between: it would be a range of its own."""
    raw = folder / "raw"
    made = Recorded(Session(raw, plan))
    with no_collection():
        made.session.start()
        serve(made.session)
        try:
            yield made
        finally:
            serve(None)
            made.session.finish()
    made.recording = read(raw)


def read(raw: Path) -> Recording:
    """The recording of what lies in a session's folder."""
    return assemble(raw, Subject(kind="run", name="test"), "0", {})
