"""k6: what ``--summary-export`` writes, and ``handleSummary``'s data, which has ``values``.

Times are in milliseconds whatever the unit of the printed summary. ``http_req_failed`` is a rate of
true values, so its ``passes`` are the requests that failed. k6 does not say which executor ran.
"""

from __future__ import annotations

from glob import escape
from pathlib import Path
from typing import Any

from infprof.profiler.loads.asked import Asked, Command
from infprof.profiler.loads.document import Document
from infprof.profiler.loads.load import Load, PhaseTimes
from infprof.profiler.loads.values import MS, at, count, known, ns, number, times, window

SIGNS = ((b'"metrics"', b'"http_req'), (b'"metrics"', b'"iteration_duration"'))

REQUESTS = (
    ("http_reqs", "http_req_duration"),
    ("iterations", "grpc_req_duration"),
    ("iterations", "iteration_duration"),
)
"""What counts requests, and what times them, for tests over HTTP, gRPC and anything else."""

SUCCEEDED = "http_req_duration{expected_response:true}"


def read(document: Document) -> Load:
    """A summary."""
    metrics, state = at(document.values[0], "metrics"), at(document.values[0], "state")

    def told(metric: str, name: str) -> Any:
        of = at(metrics, metric)
        return at(of, "values", name) if at(of, "values") is not None else at(of, name)

    counter, timer = next(
        (one for one in REQUESTS if told(one[0], "count") and told(one[1], "avg") is not None),
        REQUESTS[0],
    )
    requests = count(told(counter, "count"))
    rate, lost = number(told(counter, "rate")), count(told("dropped_iterations", "count"))
    iterations = number(told("iterations", "count"))
    failed = _failed(told("http_req_failed", "rate"), told("http_req_failed", "value"), requests)
    succeeded = None if requests is None or failed is None else requests - failed

    def timed(metric: str, how_many: int | None) -> PhaseTimes | None:
        return times(
            MS, how_many, mean=told(metric, "avg"), p50=told(metric, "med"),
            p90=told(metric, "p(90)"), p95=told(metric, "p(95)"), p99=told(metric, "p(99)"),
            max=told(metric, "max"),
        )  # fmt: skip

    return Load(
        tool="k6",
        requests=requests,
        failed=failed,
        dropped=lost,
        window_ns=ns(at(state, "testRunDurationMs"), MS) or window(requests, rate),
        achieved_per_s=rate,
        offered_per_s=rate * (1 + lost / iterations) if rate and lost and iterations else None,
        concurrency=count(told("vus_max", "max")) or count(told("vus", "max")),
        times=known(
            {
                "request": timed(timer, requests),
                "succeeded": timed(SUCCEEDED, succeeded) if failed and succeeded else None,
            }
        ),
    )


def _failed(rate: Any, value: Any, requests: int | None) -> int | None:
    share = number(rate) if rate is not None else number(value)
    return None if share is None or requests is None else round(min(share, 1.0) * requests)


def asked(command: Command, folder: Path) -> Asked | None:
    """``k6 run``. Users, iterations and stages on the command line replace the script's scenarios
    by users who wait for their answers, and may pause then."""
    k6 = command.named("k6")
    if k6 is None or "run" not in k6.words[k6.at :]:
        return None
    given, ours = k6.value("--summary-export"), str(folder / "summary.json")
    words = k6.words if given else k6.with_options("--summary-export", ours, after="run")
    told = k6.has("-u", "--vus", "-i", "--iterations", "-s", "--stage")
    return Asked(words, (escape(given or ours),), arrivals="paced" if told else None)
