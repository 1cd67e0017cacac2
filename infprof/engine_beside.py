"""An engine's own profiler beside the watching: when it runs, and its trace in the recording."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infprof.load_beside import Meanwhile
from infprof.profiler.bad_input import BadInput
from infprof.profiler.clock import now_ns
from infprof.profiler.importers import kineto
from infprof.profiler.recording import Note, Recording
from infprof.profiler.serving.engine_profile import EngineProfile
from infprof.profiler.serving.engine_trace import with_trace
from infprof.reporting import say

TRACED_S = 2.0
"""Of an engine that works: some hundred steps, and a trace of some tens of MB."""

LEAD_S = 1.0
"""For a load to come up."""

TOO_SOON = "it was over before the engine's tracer was to start; watch for longer"


@dataclass(frozen=True, slots=True)
class Traced:
    """What came of the engine's tracer."""

    path: Path | None
    traced_ns: int = 0
    why: str = ""
    """Why there is no trace."""


def lead_s(seconds: float, has_load: bool) -> float:
    """How long to watch before the tracer starts. At the end it disturbs the metrics least; when a
    load ends nobody knows, so then it runs early."""
    return min(LEAD_S, seconds / 4) if has_load else max(seconds - TRACED_S, seconds / 4)


def trace(engine: EngineProfile, meanwhile: Meanwhile, lead: float) -> Traced:
    """Let the engine trace for a while within the time that is watched, and stop it in any case."""
    if not meanwhile.await_begin() or meanwhile.stopped.wait(lead):
        return Traced(None, why=TOO_SOON)
    try:
        engine.start()
    except BadInput as error:
        with suppress(BadInput):  # it may have begun all the same
            engine.stop()
        return Traced(None, why=str(error))
    began = now_ns()
    try:
        meanwhile.stopped.wait(TRACED_S)
        traced_ns = now_ns() - began
        engine.stop()
        return Traced(engine.trace(meanwhile.hurried.wait), traced_ns)
    except BadInput as error:
        return Traced(None, why=str(error))


def join(recording: Recording, traced: Traced) -> Recording:
    """With the trace, or with the reason why there is none."""
    why = traced.why
    if traced.path is not None:
        try:
            return with_trace(recording, kineto.read(traced.path), traced.traced_ns)
        except BadInput as error:
            why = str(error)
    say(f"infprof: no trace of the engine's: {why}")
    recording.header.notes.append(
        Note(code="engine-profile", text=f"There is no trace of the engine's own work: {why}.")
    )
    recording.header.missing.update(dict.fromkeys(("kernels", "ops"), why))
    return recording
