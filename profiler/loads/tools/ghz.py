"""ghz: ``ghz --format json``, in nanoseconds. Its percentiles are of requests that succeeded."""

from __future__ import annotations

from glob import escape
from pathlib import Path
from typing import Any

from infprof.profiler.loads.asked import Asked, Command
from infprof.profiler.loads.document import Document
from infprof.profiler.loads.load import Arrivals, Load
from infprof.profiler.loads.values import NS, at, count, known, ns, number, times

SIGNS = ((b'"statusCodeDistribution"',), (b'"latencyDistribution"', b'"fastest"'))


def read(document: Document) -> Load:
    """A report."""
    report = document.values[0]
    requests, options = count(at(report, "count")), at(report, "options")
    statuses = at(report, "statusCodeDistribution")
    asked = number(at(options, "rps")) or number(at(options, "qps")) or None  # its older name
    told = {
        at(one, "percentage"): at(one, "latency") for one in at(report, "latencyDistribution") or []
    }
    good = count(at(statuses, "OK")) or 0
    return Load(
        tool="ghz",
        requests=requests,
        failed=None if requests is None or statuses is None else max(requests - good, 0),
        window_ns=ns(at(report, "total"), NS),
        achieved_per_s=number(at(report, "rps")),
        offered_per_s=asked,
        concurrency=count(at(options, "concurrency")),
        arrivals=_arrivals(options, asked),
        times=known({"request": times(
            NS, requests, mean=at(report, "average"), p50=told.get(50), p90=told.get(90),
            p95=told.get(95), p99=told.get(99), max=at(report, "slowest"),
        )}),
    )  # fmt: skip


def _arrivals(options: Any, asked: float | None) -> Arrivals | None:
    """Only ``--async`` sends without a free worker; otherwise a rate makes workers pause."""
    if options is None:
        return None
    if at(options, "async"):
        return "open"
    return "paced" if asked else "closed"


def asked(command: Command, folder: Path) -> Asked | None:
    """``ghz``, which takes no option twice; its older releases know the short names alone."""
    ghz = command.named("ghz")
    if ghz is None:
        return None
    given, ours = ghz.value("-o", "--output"), str(folder / "result.json")
    options = [] if given else ["-o", ours]
    options += [] if ghz.has("-O", "--format") else ["-O", "json"]
    return Asked(ghz.with_options(*options), (escape(given or ours),))
