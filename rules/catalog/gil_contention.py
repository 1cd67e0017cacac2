"""Requests wait for the interpreter (the GIL) while another thread runs Python.

What it looks for:
Samples of the threads that serve requests which were ready to run Python but did not hold the
interpreter, and what the other threads ran at that moment. Both are named: the function that waits
and the one that holds. Threads of a pool that serve requests and get into each other's way count
as well.

Why it costs time:
One thread at a time runs Python. A thread that asks for the interpreter gets it after 5 ms at the
latest (``sys.getswitchinterval``), and must ask again after each call that gave it away: after each
op of torch, each read. 5 ms is the time of some 500 kernel launches.

How to fix it:
Move Python work that is not the request's own to another process. Serve from several processes
instead of several threads where the threads hold each other up. Fewer, larger calls into native
code (a whole batch, a CUDA graph, ``torch.compile``) ask for the interpreter less often.

When to ignore it:
The other threads run native code that gives the interpreter away: then nobody waits for it, and
this rule stays silent. On a single core threads take turns whatever they run. A free-threaded
build of Python (3.13t and later) has no such lock.

Catalogue: IP-PY-001
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from infprof.profiler.stacks import Place
from infprof.profiler.timeline import Rows
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown, Where
from infprof.rules.host_code import Mask, place_text, places, require_samples, samples_of
from infprof.rules.meanwhile import running_meanwhile
from infprof.rules.sampled_time import visible_ns

NEEDS: tuple[Need, ...] = ("stacks", "work")
USES_TRACER = False

CAUGHT_SHARE = 0.5
"""A thread was seen to run in at least this share of the waits: whoever held the interpreter in
the others is a guess, and half of them must not be."""

MOST_HOLDERS = 3
"""So many functions that hold the interpreter are named: what is beyond them matters little."""

FIX_HELPER = Fix(
    text="Move the other thread's Python work to a process of its own.",
    code="""\
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

helper = ProcessPoolExecutor(1, mp_context=get_context("spawn"))  # once, at start-up

def background(batch):
    return helper.submit(python_work, batch)  # a function of a module, with small arguments
""",
    risk="Arguments and results are copied between processes: send little, or shared memory.",
    references=(
        "https://docs.python.org/3/library/concurrent.futures.html#processpoolexecutor",
        "https://docs.python.org/3/library/sys.html#sys.setswitchinterval",
    ),
)

FIX_SERVING = Fix(
    text="Serve from several processes, each with few threads, instead of from many threads.",
    code="""\
import os

import torch
import uvicorn

WORKERS = 2
torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // WORKERS))  # in each worker as well

if __name__ == "__main__":  # the workers import this file, and must not start workers themselves
    uvicorn.run("serve:app", workers=WORKERS)
""",
    risk="Each process holds a copy of the model; on a GPU each has a context of its own too.",
    references=(
        "https://docs.python.org/3/glossary.html#term-global-interpreter-lock",
        "https://www.uvicorn.org/deployment/",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find requests that wait for the interpreter."""
    require_samples(evidence)
    waiting = samples_of(evidence, leaves=("python.gil_wait",))
    waited = visible_ns(evidence, waiting, "a wait for the interpreter")
    if evidence.share(waited) < GATE_SHARE or evidence.header.machine.cpu.usable == 1:
        return
    rows, waits = _holders(evidence, waiting), int(waiting.sum())
    caught = len(np.unique(rows[0])) / waits
    if caught < CAUGHT_SHARE:
        raise Unknown(
            f"requests wait for the interpreter for {100 * evidence.share(waited):.0f} % of the"
            f" wall, but who held it was seen in only {100 * caught:.0f} % of the waits"
        )
    holders = _named_holders(evidence, rows[1], waits, waited)
    waiters = tuple(
        replace(one, detail=f"waits for the GIL, {one.detail}") for one in places(evidence, waiting)
    )
    serving = np.isin(evidence.timeline.samples.lane[rows[1]], evidence.recording.requests.lane)
    each_other = bool(serving.mean() > 0.5)
    waiter = waiters[0].name if waiters else "library code"
    yield Finding(
        title="Serve from processes: threads wait for each other's Python"
        if each_other
        else "Move other threads' Python work out of the process that serves",
        why=(
            f"Each request waits {waited / 1e6:.2f} ms ({100 * evidence.share(waited):.0f} % of its"
            f" wall) for the interpreter, most of it in {waiter!r}, while another"
            f" {'serving ' if each_other else ''}thread runs {holders[0].name!r}."
        ),
        stage="python",
        saving=Saving(0, waited, "B"),
        fix=FIX_SERVING if each_other else FIX_HELPER,
        where=holders + waiters,
    )


def _holders(evidence: Evidence, waiting: Mask) -> tuple[Rows, Rows]:
    """Pairs of samples: one that waits, and one of a thread that ran Python meanwhile.

    Ops of a model give the interpreter away, so a thread within a model is named only where no
    other thread ran.
    """
    waits, others = running_meanwhile(evidence, waiting)
    likely = evidence.timeline.samples.stage[others] != "compute"
    keep = likely | ~np.isin(waits, waits[likely])
    return waits[keep], others[keep]


def _named_holders(evidence: Evidence, rows: Rows, waits: int, waited_ns: int) -> tuple[Where, ...]:
    """The lines that held the interpreter: the user's, or a library's where it has its own
    thread."""
    samples = evidence.timeline.samples
    user, innermost = samples.user_call[rows], samples.stacks.call[rows]
    lines = dict[tuple[str, str], Counter[int]]()
    for call in np.where(user >= 0, user, innermost).tolist():
        place = samples.stacks.calls.place(call)
        lines.setdefault((place.file, place.function), Counter())[place.line] += 1
    ranked = sorted(lines.items(), key=lambda one: (-one[1].total(), one[0]))[:MOST_HOLDERS]
    return tuple(
        Where(
            place_text(Place(file, function, counts.most_common(1)[0][0])),
            None,
            waited_ns * min(counts.total(), waits) // waits,
            f"holds the GIL in {100 * min(counts.total(), waits) / waits:.0f} % of the waits",
        )
        for (file, function), counts in ranked
    )
