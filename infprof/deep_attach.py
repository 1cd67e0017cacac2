"""Records a process from inside, through the agent that it opted in with."""

from __future__ import annotations

from collections.abc import Iterator

from infprof.output import Output, keep
from infprof.profiler.agent.asking import GONE, ask, socket_of
from infprof.profiler.agent.injecting import inject
from infprof.profiler.agent.messages import ATTACHED, EXIT, HUNG_UP, SIZE
from infprof.profiler.collectors import Facts, Target
from infprof.profiler.launch import Sampling
from infprof.profiler.outside.command_line import command_line
from infprof.profiler.probes.proc import ProcessTree, environment_of
from infprof.profiler.probes.sampler import Ended
from infprof.profiler.recording import Note, Recording, Subject
from infprof.settings import settings_of

EARLY = {
    GONE: "The process ended while it was recorded.",
    EXIT: "The process came to its end while it was recorded.",
    SIZE: "The recording ended early: its files had become too large.",
    HUNG_UP: "The recording was ended early.",
}
"""What to say of a recording that did not take its time."""


def recording_through_agent(
    pid: int, seconds: float, output: Output, *, load_agent: bool = False
) -> Recording | None:
    """What the process's agent recorded in so many seconds, kept in ``output``; ``None`` where it
    has no agent. ``load_agent`` loads one into it first (Python 3.14).

    Raises ``BadInput`` with one sentence where the agent refuses or the process ends too soon, and
    ``OSError`` where ``output`` cannot be written.
    """
    if socket_of(pid) is None:
        if not load_agent:
            return None
        inject(pid)
    subject = Subject(kind="attach", name=f"process {pid}", command=command_line(pid))
    sampling = Sampling(Target(pid, environment_of(pid).get("CUDA_VISIBLE_DEVICES")))
    sampled: dict[str, Facts | str] = {}
    try:
        why = ask(pid, seconds, ATTACHED, output.raw)
    finally:
        sampled = sampling.stop()
    recording = keep(output, subject, sampled, settings_of(ATTACHED))
    notes = list(_notes(recording, why, pid))
    if notes:
        recording.header.notes.extend(notes)
        recording.save(output.recording)
    return recording


def _notes(recording: Recording, why: str, pid: int) -> Iterator[Note]:
    if why in EARLY:
        yield Note(code="early", text=EARLY[why])
    workers = [] if len(recording.requests) else [one for one in _below(pid) if socket_of(one)]
    if workers:
        numbers = ", ".join(map(str, sorted(workers)))
        yield Note(
            code="workers",
            text=f"The process served nothing itself; attach to one of its workers: {numbers}.",
        )


def _below(pid: int) -> tuple[int, ...]:
    try:
        return ProcessTree(pid).pids(0)[1:]
    except Ended:
        return ()
