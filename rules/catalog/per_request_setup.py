"""Each request sets up again what could be kept: sessions, clients, pools, contexts, copies.

What it looks for:
Samples within the constructors and factories of well-known libraries, in most requests: ONNX
Runtime sessions, HTTP, cloud and database clients, tokenizers, ``torch.compile``, ``Module.to``,
executors and processes, TLS contexts, regular expressions, ``copy.deepcopy``. Loading a model's
weights is reloaded-model's business, waiting for a connection blocking-io's.

Why it costs time:
What is built does not change between requests, so this is pure waste: a TLS context reads all
certificates for 10 to 30 ms, a tokenizer takes 0.1 to 1 s, a process 10 ms to seconds, a boto3
client 20 to 200 ms. A new client also gives up the open connections of the old one.

How to fix it:
Build it once at start-up (module level, the lifespan hook of the web framework), or on first use
behind ``functools.lru_cache``, and share it.

When to ignore it:
The set-up depends on the request (a tenant's own credentials: then keep one per tenant). What only
the first request pays is warm-up, and not counted here.

Catalogue: IP-PY-007
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import holds
from infprof.rules.catalog import reloaded_model
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown, Where
from infprof.rules.host_code import Mask, places, require_samples
from infprof.rules.host_time import named_rows
from infprof.rules.sampled_time import at_least_ns, request_of, visible_ns
from infprof.rules.setup_frames import NO_SETUP, SETUPS, setup_of_calls

NEEDS: tuple[Need, ...] = ("stacks", "requests")
USES_TRACER = False

MIN_SHARE = 0.02
"""A kind of set-up below this share of the wall is not named (CATALOGUE IP-PY-007)."""

MOST = 0.5
"""It is set up per request if more than this share of the requests were caught at it: of those that
could have been, where there are fewer samples of it than requests."""

CODE = """\
{code}  # at module level or in the server's start-up hook

def handle(request):
    return answer(request)  # uses it, and builds nothing
"""


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find what requests set up anew."""
    require_samples(evidence)
    kinds = _kinds(evidence)
    chosen = {kind: kinds == kind for kind in np.unique(kinds[kinds != NO_SETUP]).tolist()}
    chosen = {kind: mask for kind, mask in chosen.items() if _is_repeated(evidence, mask)}
    if not chosen:
        return
    together: Mask = np.logical_or.reduce(list(chosen.values()))
    time_ns = visible_ns(evidence, together, "the set-up")
    if evidence.share(time_ns) < GATE_SHARE:
        return
    requests = request_of(evidence)
    if len(np.unique(requests[requests >= 0])) < 2:
        raise Unknown("a set-up was seen, but one request cannot tell whether all pay for it")
    first = max(chosen, key=lambda kind: int(chosen[kind].sum()))
    where = _where(evidence, chosen)
    also = f" and {len(chosen) - 1} more" if len(chosen) > 1 else ""
    yield Finding(
        title=f"Make {SETUPS[first].what} once, not in each request",
        why=(
            f"Each request spends {time_ns / 1e6:.2f} ms ({100 * evidence.share(time_ns):.0f} % of"
            f" its wall) setting up {SETUPS[first].what}{also}, most of it in {where[0].name!r}."
        ),
        stage="python",
        saving=Saving(at_least_ns(time_ns, int(together.sum())), time_ns, "B"),
        fix=Fix(
            text="Build it once when the process starts, and let requests share it.",
            code=CODE.format(code=SETUPS[first].code),
            risk="Requests share it: it must be thread-safe, and keep no state of one request.",
            references=(
                "https://fastapi.tiangolo.com/advanced/events/",
                "https://docs.python.org/3/library/functools.html#functools.lru_cache",
            ),
        ),
        where=where,
    )


def _kinds(evidence: Evidence) -> npt.NDArray[np.int64]:
    """For each sample of a request the kind of set-up it caught that is this rule's business."""
    samples = evidence.timeline.samples
    kinds = setup_of_calls(samples.stacks.calls)[samples.stacks.call]
    kinds[~samples.of_requests] = NO_SETUP
    kinds[kinds < 0] = NO_SETUP
    if evidence.lacks("ops") is None:
        traced = [kind for kind, one in enumerate(SETUPS) if one.is_traced]
        kinds[np.isin(kinds, traced)] = NO_SETUP
    if _model_is_reloaded(evidence):
        loads = named_rows(evidence, lambda name, _: bool(reloaded_model.LOADS.search(name)))
        _, bursts = reloaded_model.weight_bursts(evidence)
        kinds[holds(evidence.timeline.busy(loads), samples.time_ns)] = NO_SETUP
        kinds[holds(bursts, samples.time_ns)] = NO_SETUP
        of_model = [kind for kind, one in enumerate(SETUPS) if one.is_model]
        kinds[np.isin(kinds, of_model)] = NO_SETUP
    return kinds


def _model_is_reloaded(evidence: Evidence) -> bool:
    """Whether reloaded-model reports: then what makes the model ready is in its finding."""
    if any(evidence.lacks(need) for need in reloaded_model.NEEDS):
        return False
    try:
        return any(True for _ in reloaded_model.check(evidence))
    except Unknown:
        return False


def _is_repeated(evidence: Evidence, mask: Mask) -> bool:
    """Whether the samples are many enough, and spread over most requests."""
    samples, requests = evidence.timeline.samples, request_of(evidence)
    count, caught = int(mask.sum()), len(np.unique(requests[mask]))
    sampled = len(np.unique(requests[requests >= 0]))
    large = count >= MIN_SHARE * int(samples.of_requests.sum())
    return large and caught > MOST * min(count, sampled)


def _where(evidence: Evidence, chosen: dict[int, Mask]) -> tuple[Where, ...]:
    """The user's lines by kind, the largest kind first."""
    found = [
        replace(one, detail=f"{SETUPS[kind].what}, {one.detail}")
        for kind, mask in chosen.items()
        for one in places(evidence, mask, most=3)
    ]
    found = found or [Where("library code", None, 0)]
    return tuple(sorted(found, key=lambda one: (-one.time_ns, one.name))[:5])
