"""llmperf: ``*_summary.json`` and ``*_individual_responses.json``, in seconds.

Its inter-token latency divides the whole request, with the first token, by the tokens: it is
neither ITL nor TPOT, and left out.
"""

from __future__ import annotations

from typing import Any

from infprof.profiler.loads.document import Document
from infprof.profiler.loads.load import Load, PhaseTimes
from infprof.profiler.loads.values import (
    S,
    at,
    count,
    known,
    number,
    of_each,
    plus,
    times,
    total,
    window,
)

SIGNS = ((b'"results_ttft_s',), (b'"end_to_end_latency_s"', b'"ttft_s"'))
PHASES = {"end_to_end_latency_s": "request", "ttft_s": "first_token"}


def read(document: Document) -> Load:
    """Either file. A fixed number of requests is kept under way."""
    first = document.values[0]
    return _each(first) if isinstance(first, list) else _summary(first)


def _summary(summary: Any) -> Load:
    def told(name: str) -> Any:
        return at(summary, f"results_{name}")

    done, bad = count(told("num_completed_requests")), count(told("number_errors"))
    a_minute = number(told("num_completed_requests_per_min"))
    rate = None if a_minute is None else a_minute / 60
    return Load(
        tool="llmperf",
        requests=count(told("num_requests_started")) or plus(done, bad),
        failed=bad,
        window_ns=window(done, rate),
        achieved_per_s=rate,
        concurrency=count(at(summary, "num_concurrent_requests")),
        arrivals="closed",
        times=known({ours: _times(summary, name, done) for name, ours in PHASES.items()}),
        input_tokens=total(told("number_input_tokens_mean"), done),
        output_tokens=total(told("number_output_tokens_mean"), done),
    )


def _times(summary: Any, phase: str, many: int | None) -> PhaseTimes | None:
    def told(statistic: str) -> Any:
        return at(summary, f"results_{phase}_{statistic}")

    return times(
        S, many, mean=told("mean"), p50=told("quantiles_p50"), p90=told("quantiles_p90"),
        p95=told("quantiles_p95"), p99=told("quantiles_p99"), max=told("max"),
    )  # fmt: skip


def _each(requests: list[Any]) -> Load:
    good = [one for one in requests if at(one, "error_code") is None]
    return Load(
        tool="llmperf",
        requests=len(requests),
        failed=len(requests) - len(good),
        arrivals="closed",
        times=known({
            ours: of_each([at(one, name) for one in good], S) for name, ours in PHASES.items()
        }),
        input_tokens=sum(count(at(one, "number_input_tokens")) or 0 for one in good),
        output_tokens=sum(count(at(one, "number_output_tokens")) or 0 for one in good),
    )  # fmt: skip
