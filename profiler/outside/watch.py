"""Watches a running process and its children for a while, from outside."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infprof.profiler.assemble import assemble
from infprof.profiler.bad_input import BadInput
from infprof.profiler.clock import now_ns
from infprof.profiler.collectors import Facts, Target
from infprof.profiler.launch import Sampling
from infprof.profiler.outside.stretches import cut_into_stretches
from infprof.profiler.probes.proc import ProcessTree, environment_of
from infprof.profiler.probes.sampler import Ended
from infprof.profiler.recording import Note, Recording, Subject

LOOK_S = 0.1
"""How often is looked whether the process is still there."""

FROM_OUTSIDE = {
    "requests": "from outside no request is seen, only what each thread does at a time",
    **dict.fromkeys(
        ("ops", "kernels"),
        "torch tells nobody outside what it does: start the server with "
        "`infprof run --serve -- COMMAND` and attach again",
    ),
}


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen of a process."""

    sampled: dict[str, Facts | str]
    """By collector: what it saw, or why it saw nothing."""
    window_ns: int
    has_ended: bool
    """The process ended meanwhile."""

    def recording(self, subject: Subject, version: str) -> Recording:
        """Its stretches of work. Raises ``BadInput`` where no stack was seen."""
        with tempfile.TemporaryDirectory(prefix="infprof-") as empty:
            made = assemble(Path(empty), subject, version, self.sampled)
        if not len(made.stacks):
            reason = made.header.missing.get("py-spy", "no thread was at work")
            after = f" (it ended after {self.window_ns / 1e9:.1f} s)" if self.has_ended else ""
            raise BadInput(f"{subject.name}: nothing was seen of its threads{after}: {reason}")
        made = cut_into_stretches(made)
        made.header.span_ns = self.window_ns
        made.header.missing.pop("stacks", None)
        made.header.missing.update(FROM_OUTSIDE)
        if self.has_ended:
            text = f"The process ended {self.window_ns / 1e9:.1f} s after we began to watch it."
            made.header.notes.append(Note(code="ended", text=text))
        return made


def watch(pid: int, seconds: float, goes_on: Callable[[bool], bool] = bool) -> Watched:
    """Sample a process and its children for so long, or until it ends, or until Ctrl-C. Raises
    ``BadInput`` where it is gone. ``goes_on`` may decide otherwise: it is told again and again
    whether there is time left."""
    try:
        tree = ProcessTree(pid)  # remembers when it started: its id may be another's later
        tree.pids(0)
    except Ended as error:
        raise BadInput(str(error)) from None
    began, has_ended = now_ns(), False
    sampling = Sampling(Target(pid, environment_of(pid).get("CUDA_VISIBLE_DEVICES"), is_ours=False))
    try:
        while goes_on(now_ns() - began < seconds * 1e9):
            time.sleep(LOOK_S)
            tree.pids(now_ns())
    except Ended:
        has_ended = True
    except KeyboardInterrupt:  # enough was seen
        pass
    window_ns = now_ns() - began
    return Watched(sampling.stop(), window_ns, has_ended)
