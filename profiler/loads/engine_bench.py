"""The result document that vLLM's and SGLang's own benchmarks share: SGLang's began as a copy.

Times are in milliseconds and named ``<statistic>_<phase>_ms``; duration is in seconds. A rate of
infinity sends as fast as ``max_concurrency`` lets, and without that all at once.
"""

from __future__ import annotations

from typing import Any

from infprof.profiler.loads.load import Arrivals, Level, PhaseTimes
from infprof.profiler.loads.values import MS, S, at, count, known, ns, number, plus, times

SETTINGS = ("request_rate", "max_concurrency", "burstiness", "run_number")
"""What may tell one run of a file from another."""


def levels(runs: list[Any], phases: dict[str, str]) -> list[Level]:
    """One for each run. ``phases`` are our names by the document's."""
    differ = [one for one in SETTINGS if len({str(at(run, one)) for run in runs}) > 1]
    return [_level(run, phases, differ) for run in runs]


def _level(run: Any, phases: dict[str, str], differ: list[str]) -> Level:
    completed = count(at(run, "completed"))
    rate, cap = number(at(run, "request_rate")), count(at(run, "max_concurrency"))
    found = {ours: _times(run, theirs, completed) for theirs, ours in phases.items()}
    failed = count(at(run, "failed"))
    if failed is None and completed is not None:
        sent = count(at(run, "num_prompts"))
        failed = None if sent is None else max(sent - completed, 0)
    return Level(
        label=", ".join(f"{name.replace('_', ' ')} {at(run, name)}" for name in differ),
        requests=completed if failed is None else plus(completed, failed),
        failed=failed,
        window_ns=ns(at(run, "duration"), S),
        achieved_per_s=number(at(run, "request_throughput")),
        offered_per_s=rate,
        concurrency=cap,
        arrivals=_arrivals(at(run, "request_rate"), rate, cap),
        times=known(found),
        input_tokens=count(at(run, "total_input_tokens")) if completed else None,
        output_tokens=count(at(run, "total_output_tokens")) if completed else None,
    )


def _arrivals(told: Any, rate: float | None, cap: int | None) -> Arrivals | None:
    if rate:
        return "open"
    if cap:
        return "closed"
    return None if told is None else "at once"


def _times(run: Any, phase: str, completed: int | None) -> PhaseTimes | None:
    """Of the requests that were answered; ITL is of tokens, which nobody counted apart."""
    if not completed:
        return None

    def told(statistic: str) -> Any:
        return at(run, f"{statistic}_{phase}_ms")

    return times(
        MS, None if phase == "itl" else completed, mean=told("mean"), p50=told("median"),
        p90=told("p90"), p95=told("p95"), p99=told("p99"), max=told("max"),
    )  # fmt: skip
