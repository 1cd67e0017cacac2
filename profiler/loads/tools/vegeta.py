"""Vegeta: ``vegeta report -type=json`` and the lines of ``vegeta encode``, all in nanoseconds.

Vegeta sends at its rate whatever the server does. The files tell the rate that it reached, not the
one it was asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from infprof.profiler.loads.asked import Asked, Command
from infprof.profiler.loads.document import Document
from infprof.profiler.loads.instant import instant_ns
from infprof.profiler.loads.load import Load
from infprof.profiler.loads.values import (
    NS,
    at,
    count,
    known,
    ns,
    number,
    of_each,
    per_s,
    plus,
    times,
)

SIGNS = ((b'"latencies"', b'"bytes_in"'), (b'"latency"', b'"seq"', b'"code"'))


def read(document: Document) -> Load:
    """A report, or single results."""
    first = document.values[0]
    return _report(first) if at(first, "latencies") else _results(document.values)


def _report(report: Any) -> Load:
    told, requests = at(report, "latencies"), count(at(report, "requests"))
    success = number(at(report, "success"))
    window_ns = plus(ns(at(report, "duration"), NS), count(at(report, "wait")))
    return Load(
        tool="Vegeta",
        arrivals="open",
        requests=requests,
        failed=None if success is None or requests is None else round((1 - success) * requests),
        window_ns=window_ns,
        achieved_per_s=per_s(requests, window_ns),
        times=known({"request": times(
            NS, requests, mean=at(told, "mean"), p50=at(told, "50th"), p90=at(told, "90th"),
            p95=at(told, "95th"), p99=at(told, "99th"), max=at(told, "max"),
        )}),
    )  # fmt: skip


def _results(results: list[Any]) -> Load:
    starts = [instant_ns(at(one, "timestamp")) for one in results]
    walls = [number(at(one, "latency")) for one in results]
    ends = [start + (wall or 0) for start, wall in zip(starts, walls, strict=True) if start]
    known_starts = [start for start in starts if start]
    window_ns = round(max(ends) - min(known_starts)) if ends else None
    return Load(
        tool="Vegeta",
        arrivals="open",
        requests=len(results),
        failed=sum(bool(at(one, "error")) for one in results),
        window_ns=window_ns,
        achieved_per_s=per_s(len(results), window_ns),
        times=known({"request": of_each(walls, NS)}),
    )


def asked(command: Command, folder: Path) -> Asked | None:
    """``vegeta attack``, whose results ``vegeta report`` turns into a report."""
    vegeta = command.named("vegeta")
    if vegeta is None or "attack" not in vegeta.words[vegeta.at :]:
        return None
    given, ours = vegeta.value("-output", "--output"), str(folder / "results.bin")
    words = vegeta.words if given else vegeta.with_options("-output", ours, after="attack")
    report = [*vegeta.words[: vegeta.at + 1], "report", "-type=json", given or ours]
    return Asked(words, after=report, rate_per_s=_rate(vegeta.value("-rate", "--rate")))


def _rate(told: str | None) -> float | None:
    """``50``, ``50/1s`` or ``3000/1m`` as requests a second; 0 is as many as it can."""
    many, _, unit = (told or "").partition("/")
    seconds = {"": 1, "s": 1, "1s": 1, "m": 60, "1m": 60, "h": 3600, "1h": 3600}.get(unit)
    rate = number(many)
    return rate / seconds if rate and seconds else None
