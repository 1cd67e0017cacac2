"""How much techniques that people ask about could save at most, from what was recorded.

Each number is all the time that requests wait for what the technique makes quicker, as if that then
took none. It is less where a stream would be as busy as before with what stays, or where a replay
tells that something else takes as long meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from infprof.profiler import names
from infprof.profiler.breakdown import DEVICE_GAP, LAUNCH_LATENCY, UNATTRIBUTED
from infprof.profiler.events import Flag, Kind
from infprof.profiler.intervals import intersect, length
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Unknown
from infprof.rules.processor import ran_on_gpu

LAUNCHING = ("python.launch", "python.dispatch", "python.interpreter", "python.alloc")
DENSE = ("compute.gemm", "compute.conv", "compute.attention")

DENSE_OP = (
    r"(^|::)(\w*mm|mv|\w*dot|matmul|inner|einsum|\w*linear\w*|\w*conv\w*|\w*attention\w*"
    r"|\w*transformer\w*|\w*(lstm|gru|rnn)\w*)$"
)
"""Operators of a CPU that multiply matrices, or have others in them that do."""

MOSTLY_DISPATCH_NS = 20_000
"""A CPU's operator no longer than this is dispatch for the most part (5 to 15 us)."""

MENTIONED_SHARE = 0.01
"""Less time without a stage is not worth a word."""


Ceiling = tuple[int, str]
"""Nanoseconds of a request, and why it is no more."""


class NoPlace(Exception):
    """Raised where a technique cannot be used; the message says why, in one plain clause."""


class Seen(NamedTuple):
    """Requests without the tracer, whose time counts, and those with it, whose operators are
    known. They may be the same."""

    plain: Evidence
    traced: Evidence


def _require_gpu(evidence: Evidence) -> None:
    if not ran_on_gpu(evidence):
        raise NoPlace("no work ran on a GPU")


def _waiting(time_ns: int, what: str) -> Ceiling:
    """The ceiling of what can at most make such waiting needless."""
    how_much = "that is all the time" if time_ns else "no time is"
    return time_ns, f"{how_much} spent waiting for {what}"


def _unless_busy(evidence: Evidence, ceiling: Ceiling, rows: Rows, what: str) -> Ceiling:
    """The ceiling, or the time in which the busiest stream does nothing that stays, if that is
    less: what one stream does stays one after the other."""
    lanes = evidence.timeline.events.lane[rows]
    busy = (evidence.timeline.busy(rows[lanes == lane]) for lane in np.unique(lanes))
    most = max((length(intersect(one, evidence.covered)) for one in busy), default=0)
    left = max(evidence.wall_ns - evidence.per_request(most), 0)
    if left >= ceiling[0]:
        return ceiling
    part = f"{100 - 100 * evidence.share(left):.0f} %"
    return left, f"the GPU is at work on {what} for the other {part}"


def _launching_ns(evidence: Evidence) -> int:
    return evidence.exposed_ns(*LAUNCHING, LAUNCH_LATENCY, DEVICE_GAP)


def _no_more(evidence: Evidence, stage: str, time_ns: int) -> int:
    """Such a part of a stage's time, or what would be saved without the stage if that is less.
    Only the largest stage is asked for: the verdict does so too, and a replay takes its time."""
    stages = {one: exposed for one, (exposed, _) in evidence.breakdown.stages.items()}
    if evidence.replays is None or stage != max(stages, key=lambda one: stages[one]):
        return time_ns
    return min(time_ns, evidence.replays.saved_without_ns(stage))


def _dense_ns(seen: Seen, longer_than_ns: int = 0) -> int:
    """What requests wait for products of matrices, on whatever processor. A CPU's can be counted
    from some length on only."""
    if ran_on_gpu(seen.plain):
        return seen.plain.exposed_ns(*DENSE)
    if (reason := seen.traced.lacks("ops")) is not None:
        raise Unknown(reason)
    ops = seen.traced.rows(Kind.OP, lambda one: "yes" if re.search(DENSE_OP, one) else None, "yes")
    ops = ops[seen.traced.timeline.durations(ops) > longer_than_ns]
    dense = seen.traced.exposed_part_ns(ops, "compute.cpu")
    whole, now = (one.exposed_ns("compute") for one in (seen.traced, seen.plain))
    return dense * now // whole if whole else 0


def _tensorrt(seen: Seen) -> Ceiling:
    _require_gpu(seen.plain)
    time = seen.plain.exposed_ns("compute") + _launching_ns(seen.plain)
    return _waiting(time, "kernels and their launches")


def _cuda_graphs(seen: Seen) -> Ceiling:
    _require_gpu(seen.plain)
    of_the_host = seen.plain.exposed_ns(*LAUNCHING)
    stays = _launching_ns(seen.plain) - of_the_host  # in a replay the driver is as quick as before
    time = _no_more(seen.plain, "python", of_the_host) + stays
    ceiling = _waiting(time, "dispatch and launches")
    rows = seen.plain.inside(seen.plain.timeline.device_rows)
    time, reason = _unless_busy(seen.plain, ceiling, rows, "kernels and copies that stay")
    kernels = seen.plain.rows(Kind.KERNEL)
    in_graphs = seen.plain.flagged(kernels, Flag.GRAPH)
    if in_graphs.any():
        reason += f"; {100 * in_graphs.mean():.0f} % of the kernels come from graphs already"
    return time, reason


def _torch_compile(seen: Seen) -> Ceiling:
    others = max(seen.plain.exposed_ns("compute") - _dense_ns(seen, MOSTLY_DISPATCH_NS), 0)
    time = others + _launching_ns(seen.plain)
    ceiling = _waiting(time, "dispatch and for work that can be fused")
    rows = seen.plain.rows(Kind.KERNEL, names.kernel_family, "gemm", "conv", "attention")
    time, reason = _unless_busy(seen.plain, ceiling, rows, "products of matrices")
    return time, f"{reason}, and its default mode keeps products of matrices as they are"


def _quantization(seen: Seen) -> Ceiling:
    time = _no_more(seen.plain, "compute", _dense_ns(seen))
    return _waiting(time, "products of matrices, convolutions and attention")


def _larger_batches(seen: Seen) -> Ceiling:
    time = seen.plain.exposed_ns("compute") + _launching_ns(seen.plain)
    return time, "requests in a batch share the model's call alone, and each waits for all of it"


def _dali(seen: Seen) -> Ceiling:
    open_ = seen.plain.exposed_ns(UNATTRIBUTED)
    time = seen.plain.exposed_ns("preprocess", "h2d") + open_
    copied = " and copied to the GPU" if seen.plain.device_use == "used" else ""
    time, reason = _waiting(time, f"inputs to be prepared{copied}")
    if (share := seen.plain.share(open_)) >= MENTIONED_SHARE:
        reason += f", with the {100 * share:.0f} % that nothing explains"
    return time, reason


def _more_gpus(seen: Seen) -> Ceiling:
    _require_gpu(seen.plain)
    time, reason = _waiting(seen.plain.exposed_ns("queue"), "a turn in a queue")
    return time, f"{reason}, and each GPU serves requests of its own, none of them quicker"


CEILINGS: dict[str, Callable[[Seen], Ceiling]] = {
    "TensorRT": _tensorrt,
    "CUDA graphs": _cuda_graphs,
    "torch.compile": _torch_compile,
    "quantization": _quantization,
    "larger batches": _larger_batches,
    "DALI": _dali,
    "more GPUs": _more_gpus,
}
"""Each technique as one says it within a sentence."""
