"""How long requests wait for a batch to fill while nothing runs, by what a server tells.

A batcher that starts a run as soon as the last one is over makes nobody wait longer than a run
takes, unless more wait than fit into a batch, and then runs follow each other without a pause. So
where the model mostly pauses, a longer wait is one that somebody asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from infprof.profiler.serving.ratios import executed_batch, generates
from infprof.profiler.serving.served import Served
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Unknown

IDLE_SHARE = 0.5
"""Of the time in which the model runs nothing: with less, requests meet a run that is under way so
often that their waits may be for it."""

WAIT_SHARE = 0.3
"""Of a request's time (CATALOGUE BAT-003)."""

SMALL_BATCH = 1.5
"""Inferences in one run of the model: with fewer, most runs make a single one."""

RUN = ("input", "compute", "output")
"""Phases of one run of the model."""


@dataclass(frozen=True, slots=True)
class Window:
    """What a request waits because runs are held back."""

    least_ns: int
    most_ns: int
    run_ns: int
    """One run of the model."""
    idle_share: float
    """Of the time, at least; a server with several instances of the model pauses more."""


def window(evidence: Evidence) -> Window | None:
    """``None`` where the waits are short, or a run under way may explain them. Raises
    ``Unknown``."""
    served = evidence.header.served
    assert served is not None
    found = _of_batches(served) or _of_queue(served)
    if found is None:
        return None
    is_long = evidence.share(found.most_ns) >= WAIT_SHARE and found.least_ns > 0
    if not is_long or found.idle_share < IDLE_SHARE:
        return None
    if (executed_batch(served) or 0) < SMALL_BATCH:
        raise Unknown(
            "the model runs single requests: whether they wait for company or, in a burst, for "
            "each other, the metrics do not tell"
        )
    return found


def window_ns(evidence: Evidence) -> int:
    """What a request waits for batches to fill, at most. Raises ``Unknown``."""
    found = window(evidence)
    return found.most_ns if found else 0


def _of_batches(served: Served) -> Window | None:
    """Of a server that times how long a batch fills: the first of its requests waits all of that,
    the last one not at all."""
    waited, ran = (served.times.get(one) for one in ("batch_wait", "batch_run"))
    if waited is None or ran is None:
        return None
    idle = _idle_share(served, ran.count, ran.mean_ns)
    return Window(waited.mean_ns // 2, waited.mean_ns, ran.mean_ns, idle)


def _of_queue(served: Served) -> Window | None:
    """Of a server that times its queue: what is longer than a run is no wait for a run."""
    runs, queue = served.counts.get("executions"), served.times.get("queue")
    if generates(served):  # it adds requests to a batch that runs
        return None
    if queue is None:
        raise Unknown("the engine's metrics do not tell how long requests wait")
    run_ns = sum(served.times[one].mean_ns for one in RUN if one in served.times)
    if runs is None or not run_ns:
        raise Unknown("the engine's metrics do not tell how long one run of the model takes")
    idle = _idle_share(served, runs, run_ns)
    return Window(max(queue.mean_ns - run_ns, 0), queue.mean_ns, run_ns, idle)


def _idle_share(served: Served, runs: int, run_ns: int) -> float:
    """The part of the time in which the model runs nothing, also by what the GPU is busy with."""
    if not served.window_ns:
        raise Unknown("one page does not tell how much the model pauses: watch the server")
    busy = max(runs * run_ns / served.window_ns, fmean(served.gauges.get("gpu_share", [0.0])))
    return max(1 - busy, 0.0)
