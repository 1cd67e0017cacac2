"""inference-perf: ``stage_N_lifecycle_metrics.json``, in seconds.

Releases that time every chunk of the stream, also those without a token, tell half of the time per
token: where that contradicts the times of whole requests, it is left out. A request's time begins
when it is sent, however late that was.
"""

from __future__ import annotations

from typing import Any

from infprof.profiler.bad_input import BadInput
from infprof.profiler.loads.document import Document
from infprof.profiler.loads.load import Load, PhaseTimes
from infprof.profiler.loads.values import S, at, count, known, number, plus, times, total, window

AGREEMENT = 0.25
"""Of a request's time; means of unlike requests miss it by a tenth."""

SIGNS = ((b'"load_summary"', b'"successes"'),)
PHASES = {
    "request_latency": "request",
    "time_to_first_token": "first_token",
    "time_per_output_token": "per_token",
    "inter_token_latency": "between_tokens",
}


def read(document: Document) -> Load:
    """One stage, or the summary of all. Raises ``BadInput`` at the server's own metrics."""
    summary, good = (at(document.values[0], one) for one in ("load_summary", "successes"))
    if not summary and at(good, "latency") is None:
        raise BadInput(
            "what inference-perf read from the server's Prometheus metrics, not what it measured;"
            " give stage_N_lifecycle_metrics.json"
        )
    served, failed = count(at(good, "count")), count(at(document.values[0], "failures", "count"))
    rate = number(at(good, "throughput", "requests_per_sec"))
    asked = number(at(summary, "requested_rate"))
    found = known(
        {
            ours: _times(at(good, "latency", name), None if ours == "between_tokens" else served)
            for name, ours in PHASES.items()
        }
    )
    if not _agree(found, number(at(good, "output_len", "mean"))):
        for phase in ("per_token", "between_tokens"):
            found.pop(phase, None)
    return Load(
        tool="inference-perf",
        requests=plus(served, failed),
        failed=failed,
        window_ns=window(served, rate),
        achieved_per_s=rate,
        offered_per_s=asked,
        concurrency=count(at(summary, "concurrency")),
        arrivals="open" if asked else None,
        times=known({**found, "send_delay": _times(at(summary, "schedule_delay"), None)}),
        input_tokens=total(at(good, "prompt_len", "mean"), served),
        output_tokens=total(at(good, "output_len", "mean"), served),
    )


def _times(told: Any, many: int | None) -> PhaseTimes | None:
    return times(
        S, many, mean=at(told, "mean"), p50=at(told, "median"), p90=at(told, "p90"),
        p95=at(told, "p95"), p99=at(told, "p99"), max=at(told, "max"),
    )  # fmt: skip


def _agree(found: dict[str, PhaseTimes], tokens: float | None) -> bool:
    """Whether first token and the others together are about a request."""
    means = [
        one.mean_ns if (one := found.get(phase)) is not None else None
        for phase in ("request", "first_token", "per_token")
    ]
    request, first, each = means
    if not (request and first and each and tokens):
        return False
    return abs(first + (tokens - 1) * each - request) <= AGREEMENT * request
