"""GuideLLM: ``benchmarks.json``, a benchmark for each rate or concurrency.

``request_latency`` is in seconds; times of tokens end in ``_ms``. Its inter-token latency is a mean
within each request, which is TPOT; its ``time_per_output_token_ms`` holds the first token too, and
is left out.
"""

from __future__ import annotations

from typing import Any

from infprof.profiler.loads.document import Document
from infprof.profiler.loads.load import Arrivals, Level, Load, PhaseTimes, together
from infprof.profiler.loads.values import MS, S, at, count, known, ns, number, plus, times

SIGNS = ((b'"guidellm_version"',), (b'"benchmarks"', b'"generative_benchmark"'))
STRATEGIES: dict[str, Arrivals] = {
    "synchronous": "closed", "concurrent": "closed", "throughput": "closed",
    "constant": "open", "poisson": "open", "async": "open",
}  # fmt: skip
PLACES = (("config", "strategy"), ("scheduler", "strategy"), ("args", "strategy"))
"""Where releases put how requests are sent."""


def read(document: Document) -> Load:
    """All benchmarks of the file."""
    benchmarks = at(document.values[0], "benchmarks") or []
    return together("GuideLLM", [_level(one) for one in benchmarks])


def _level(benchmark: Any) -> Level:
    metrics = at(benchmark, "metrics")
    strategy = next((found for path in PLACES if (found := at(benchmark, *path))), None)
    kind = str(at(strategy, "type_"))
    arrivals = STRATEGIES.get(kind)
    good, bad = (count(at(metrics, "request_totals", one)) for one in ("successful", "errored"))
    rate = number(at(strategy, "rate")) if arrivals == "open" else None
    return Level(
        label=" ".join(filter(None, (kind, "" if rate is None else f"{rate:g} a second"))),
        requests=plus(good, bad),
        failed=bad,
        window_ns=ns(at(benchmark, "duration"), S),
        achieved_per_s=number(at(metrics, "requests_per_second", "successful", "mean")),
        offered_per_s=rate,
        concurrency=_users(kind, strategy),
        arrivals=arrivals,
        times=known({
            "request": _times(at(metrics, "request_latency"), S),
            "first_token": _times(at(metrics, "time_to_first_token_ms"), MS),
            "per_token": _times(at(metrics, "inter_token_latency_ms"), MS),
            "send_delay": times(S, mean=_delay(benchmark)),
        }),
        input_tokens=count(at(metrics, "prompt_token_count", "successful", "total_sum")),
        output_tokens=count(at(metrics, "output_token_count", "successful", "total_sum")),
    )  # fmt: skip


def _delay(benchmark: Any) -> Any:
    return at(benchmark, "scheduler_metrics", "request_targeted_start_delay_avg")


def _users(kind: str, strategy: Any) -> int | None:
    """At a given rate the strategy's ``max_concurrency`` is only a bound far away."""
    if kind == "synchronous":
        return 1
    if STRATEGIES.get(kind) != "closed":
        return None
    return count(at(strategy, "streams")) or count(at(strategy, "max_concurrency"))


def _times(metric: Any, unit_ns: int) -> PhaseTimes | None:
    """Of the requests that succeeded."""
    told = at(metric, "successful")
    if not count(at(told, "count")):
        return None
    part = at(told, "percentiles")
    return times(
        unit_ns, at(told, "count"), mean=at(told, "mean"), p50=at(told, "median"),
        p90=at(part, "p90"), p95=at(part, "p95"), p99=at(part, "p99"), max=at(told, "max"),
    )  # fmt: skip
