"""Why requests wait for a serving engine, and how much of their waiting each cause explains.

The causes exclude one another, or overlap: a nanosecond in the queue is promised once, to the rule
of its cause, and what no cause explains is left to ``server-queue``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

from infprof.profiler.serving.ratios import at_once, executed_batch, generates
from infprof.profiler.serving.served import Served
from infprof.rules.batching_windows import SMALL_BATCH, window_ns
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Unknown
from infprof.rules.prompt_stalls import prompt_stall

FEWEST_PAGES = 5
"""With fewer, one that happens to show a waiting request is a fifth of all or more."""

OFTEN_SHARE = 0.2
"""Of the pages: requests that wait now and then only are a burst, no limit."""

ROOM_SHARE = 0.7
"""Of the KV cache in use: with less, memory is not what keeps requests out (CATALOGUE LLM-001)."""

FULL_SHARE = 0.9
"""Of the KV cache in use: from here on engines preempt; it is also what SGLang calls good use."""

MORE_ROOM = 2.0
"""An FP8 cache holds twice the tokens of a 16-bit one, and so does twice the memory."""

BATCHABLE = 3.0
"""Requests there at once (Little's law): with fewer there is little to batch."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """The moments at which requests waited."""

    pages: int
    """All pages that were read, with such moments or without."""
    often: float
    """The share of the pages with such a moment."""
    waiting: float
    running: float
    """Mean requests at these moments, here and above."""
    kv_use: float | None

    @property
    def requests(self) -> float:
        """Those that were there then."""
        return self.waiting + self.running


def told(evidence: Evidence) -> Served:
    """What the engine told, for rules that need ``served``."""
    assert evidence.header.served is not None
    return evidence.header.served


def queue_ns(evidence: Evidence) -> int:
    """How long a request waits. Raises ``Unknown``."""
    if "queue" not in evidence.breakdown.stages:
        raise Unknown("the engine's metrics do not tell how long requests wait")
    return evidence.exposed_ns("queue")


def backlog(served: Served) -> Backlog | None:
    """``None`` where none waited on any page. Raises ``Unknown``."""
    missing = [one for one in ("waiting", "running") if one not in served.gauges]
    if missing:
        raise Unknown(f"the engine's metrics do not tell how many requests are {missing[0]}")
    waiting, running = served.gauges["waiting"], served.gauges["running"]
    moments = [place for place, count in enumerate(waiting) if count > 0]
    if not moments:
        return None
    kv_use = served.gauges.get("kv_use")
    return Backlog(
        pages=len(waiting),
        often=len(moments) / len(waiting),
        waiting=fmean(waiting[one] for one in moments),
        running=fmean(running[one] for one in moments),
        kv_use=fmean(kv_use[one] for one in moments) if kv_use else None,
    )


def admission_ns(evidence: Evidence) -> int:
    """What a request waits because the engine lets too few in at once, at most. Raises
    ``Unknown``."""
    kv_use = _kv_use_when_waiting(evidence)
    if kv_use is None or kv_use >= ROOM_SHARE or _waits_for_prompts(told(evidence)):
        return 0
    return with_more_running_ns(evidence, FULL_SHARE / kv_use if kv_use > 0 else math.inf)


def full_cache_ns(evidence: Evidence) -> int:
    """What a request waits because the KV cache is full, at most. Raises ``Unknown``."""
    kv_use = _kv_use_when_waiting(evidence)
    if kv_use is None or kv_use < FULL_SHARE:
        return 0
    return with_more_running_ns(evidence, MORE_ROOM)


def unbatched_ns(evidence: Evidence) -> int:
    """What a request waits because the model takes one at a time, at most. Raises ``Unknown``."""
    served = told(evidence)
    if generates(served) and "executions" not in served.counts:  # it batches by itself
        return 0
    batch, there = executed_batch(served), at_once(served)
    if batch is None:
        raise Unknown("the engine's metrics do not tell how many inferences one run makes")
    if batch >= SMALL_BATCH:
        return 0
    if there is None:
        raise Unknown("one page does not tell how many requests come a second: watch the server")
    return queue_ns(evidence) if there >= BATCHABLE else 0


def explained_ns(evidence: Evidence) -> int:
    """The part of the queue that other findings promise."""
    return max(_known(cause, evidence) for cause in CAUSES)


def with_more_running_ns(evidence: Evidence, times: float) -> int:
    """What a request would save, at most, were ``times`` as many worked on at once, each as fast as
    now: all of its waiting, where that is all that are there. Else some wait on: with as many there
    as now, throughput grows so many times, and each stays the shorter (Little's law)."""
    queued, found = queue_ns(evidence), backlog(told(evidence))
    if found is None or found.running <= 0:
        return 0
    if found.running * times >= found.requests:
        return queued
    return min(queued, round(evidence.wall_ns * (1 - 1 / times)))


def _waits_for_prompts(served: Served) -> bool:
    """Whether steps are full of prompts: then their tokens are the limit, and with more requests in
    a step tokens would come even less evenly."""
    try:
        return prompt_stall(served) is not None
    except Unknown:
        return False


def _kv_use_when_waiting(evidence: Evidence) -> float | None:
    """``None`` where requests seldom wait, or the engine keeps no KV cache."""
    served = told(evidence)
    if not generates(served):
        return None
    found = backlog(served)
    if found is None:
        return None
    if found.pages < FEWEST_PAGES:
        raise Unknown("too few pages tell how often requests wait: watch the server for longer")
    if found.often < OFTEN_SHARE:
        return None
    if found.kv_use is None:
        raise Unknown("the engine's metrics do not tell how full its KV cache is")
    return found.kv_use


CAUSES = (admission_ns, full_cache_ns, unbatched_ns, window_ns)
"""Those that rules of their own look for."""


def _known(cause: Callable[[Evidence], int], evidence: Evidence) -> int:
    try:
        return cause(evidence)
    except Unknown:
        return 0
