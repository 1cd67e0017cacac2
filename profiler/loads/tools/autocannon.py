"""autocannon: ``autocannon --json``; latencies in milliseconds, rounded down, duration in seconds.

Each connection sends its next requests when the last ones are answered.
"""

from __future__ import annotations

from pathlib import Path

from infprof.profiler.loads.asked import Asked, Command
from infprof.profiler.loads.document import Document
from infprof.profiler.loads.load import Load
from infprof.profiler.loads.values import MS, S, at, count, known, ns, per_s, plus, times

SIGNS = ((b'"non2xx"', b'"latency"', b'"connections"'),)


def read(document: Document) -> Load:
    """A result."""
    result = document.values[0]
    told, window_ns = at(result, "latency"), ns(at(result, "duration"), S)
    bad = [count(at(result, name)) for name in ("errors", "non2xx")]  # timeouts are errors too
    answered = count(at(result, "requests", "total"))
    requests = plus(answered, bad[0])
    connections, deep = count(at(result, "connections")), count(at(result, "pipelining"))
    return Load(
        tool="autocannon",
        requests=requests,
        failed=plus(*bad),
        window_ns=window_ns,
        achieved_per_s=per_s(requests, window_ns),
        concurrency=connections * (deep or 1) if connections else None,
        arrivals="closed",
        times=known({"request": times(
            MS, answered, mean=at(told, "average"), p50=at(told, "p50"), p90=at(told, "p90"),
            p95=at(told, "p95"), p99=at(told, "p99"), max=at(told, "max"),
        )}),
    )  # fmt: skip


def asked(command: Command, folder: Path) -> Asked | None:
    """``autocannon``, which prints its result where it is asked for JSON."""
    gun = command.named("autocannon")
    if gun is None:
        return None
    return Asked(gun.words if gun.has("-j", "--json") else gun.with_options("--json"))
