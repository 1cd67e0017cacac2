"""Work that only first calls do lies in the measured window, and passes for the steady state.

What it looks for:
Loading of device code (module and lazy function loading), torch.compile at work, launches,
allocations and ops that stay silent for 10 ms while the device idles (context creation,
TorchScript fusion, autotuning), and a first analysed request that takes over three times the
median of the others. Reported from 2 % of the wall on whatever the saving, because it makes other
findings doubtful.

Why it costs time:
A CUDA context takes 0.2 to 1 s, loading a library's kernels as much, a compilation 1 to 100 s.
Users of the first requests wait for it; averages of a short window are mostly made of it.

How to fix it:
Before measuring, and before the server reports ready, run each input shape a few times. Keep
compiled code on disk between processes. ``CUDA_MODULE_LOADING=EAGER`` moves kernel loading to
start-up.

When to ignore it:
You measured the cold start on purpose. Compiling that shows up again and again after warm-up is
recompiles' case.

Catalogue: IP-LCH-004
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.profiler.intervals import length
from infprof.profiler.replay import Change
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Where
from infprof.rules.host_time import less_error, per_request
from infprof.rules.one_time_work import OneTimeWork, longest_holders, one_time_work, together

NEEDS: tuple[Need, ...] = ("ops",)
ALWAYS_REPORT = True
"""One-time work in the window makes every other number doubtful, whatever it costs."""

VALIDITY_SHARE = 0.02
"""Repeated runs differ by 1 to 2 % anyway; one-time work below that cannot change a conclusion."""

FIRST_REQUEST_RATIO = 3.0
"""The first request is cold when it takes this many times the median of the others (CATALOGUE
IP-LCH-004); noise and growing inputs stay below."""

MIN_REQUESTS = 4
"""A median of fewer than three others says nothing about the first."""

FIX = Fix(
    text="Run every input shape a few times before measuring, and before the server says ready.",
    code="""\
with torch.inference_mode():
    for example in one_example_per_shape:
        for _ in range(3):
            model(example.to(device))
if torch.cuda.is_available():
    torch.cuda.synchronize()
ready.set()  # only now accept traffic, and only now start to measure
""",
    risk="A longer start-up: keep the old process serving until the new one is ready.",
    references=(
        "https://docs.pytorch.org/tutorials/recipes/torch_compile_caching_tutorial.html",
        "https://docs.nvidia.com/cuda/cuda-c-programming-guide/#lazy-loading",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find one-time work among the analysed requests."""
    work = one_time_work(evidence)
    spans = together(work)
    seen_ns = evidence.per_request(length(spans))
    excess_ns = first_request_excess_ns(evidence)
    time_ns = max(seen_ns, excess_ns)
    if evidence.share(time_ns) < VALIDITY_SHARE:
        return
    yield Finding(
        title="Warm up before measuring and before serving",
        why=(
            f"One-time work takes {time_ns / 1e6:.2f} ms of each request on average"
            f" ({100 * evidence.share(time_ns):.0f} % of the wall):"
            f" {'; '.join(_reasons(evidence, work, excess_ns))}."
        ),
        stage="python",
        saving=Saving(less_error(time_ns), time_ns, "A"),
        fix=FIX,
        where=_where(evidence, work),
        change=Change(host_removed=spans) if seen_ns >= excess_ns else None,
    )


def first_request_excess_ns(evidence: Evidence) -> int:
    """What the first request took beyond the median of the others, if it was far slower.

    Not after an earlier request that was quick: the program was warm, this one had bad luck.
    """
    walls = [one.request.wall_ns for one in evidence.breakdown.requests]
    if len(walls) < MIN_REQUESTS:
        return 0
    usual = int(np.median(walls[1:]))
    if walls[0] <= FIRST_REQUEST_RATIO * usual or _was_warm(evidence, FIRST_REQUEST_RATIO * usual):
        return 0
    return evidence.per_request(walls[0] - usual)


def _was_warm(evidence: Evidence, quick_ns: float) -> bool:
    """Whether any request before the first analysed one was quick."""
    table = evidence.recording.requests
    earlier = table.start_ns < evidence.breakdown.requests[0].request.start_ns
    return bool(((table.end_ns - table.start_ns)[earlier] <= quick_ns).any())


def _reasons(evidence: Evidence, work: list[OneTimeWork], excess_ns: int) -> list[str]:
    reasons = [f"{one.what} {per_request(evidence, one.spans) / 1e6:.2f} ms" for one in work]
    if excess_ns:
        walls = [one.request.wall_ns for one in evidence.breakdown.requests]
        ratio = walls[0] / max(float(np.median(walls[1:])), 1.0)
        reasons.append(f"the first request takes {ratio:.1f} times the median of the others")
    return reasons


def _where(evidence: Evidence, work: list[OneTimeWork]) -> tuple[Where, ...]:
    spans = [one for one in work if one.what.startswith("first")]
    return evidence.top(longest_holders(evidence, spans[0].spans)) if spans else ()
