"""What a load generator measured, in words and cells, the same in every format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from infprof.profiler.loads.load import Level, Load, PhaseTimes
from infprof.reports import wording

TITLE = "What the load generator measured"
COLUMNS = ("", "count", "mean", "median", "95 %", "99 %")
PART_COLUMNS = (
    "", "requests", "failed", "a second", "mean", "median", "95 %", "99 %", "first token"
)  # fmt: skip
SHOWN_PARTS = 40
"""The JSON has all."""

Row = tuple[str, ...]


class Table(NamedTuple):
    """Cells under their headings; the first column has names."""

    columns: Row
    rows: list[Row]


ADVICE = "What the server did meanwhile is not in this file: profile it, or attach to it."

PHASES = {
    "request": "whole request",
    "succeeded": "requests that succeeded",
    "first_token": "until the first token (TTFT)",
    "between_tokens": "between two tokens (ITL)",
    "per_token": "per token of a request (TPOT)",
    "send_delay": "sent later than due",
    "queue": "in the server's queue",
    "input": "input of the model",
    "compute": "the model",
    "output": "output of the model",
}
ARRIVALS = {
    "open": "at their time, whatever the server does (open loop)",
    "closed": "by users who wait for their answers (closed loop)",
    "paced": "by users who wait for their answers, and may pause then",
    "at once": "all at once",
}

MANY_FAILED = 0.05
"""From this share on the verdict says so, for their times are among the others'."""


def verdict(load: Load) -> str:
    """What the test shows, in one sentence."""
    if load.requests and load.failed == load.requests:
        return f"All {load.requests:,} requests failed, so nothing is known of their latency."
    if load.parts and not load.times:
        return _of_parts(load)
    request = load.times.get("request")
    first = load.times.get("first_token", PhaseTimes())
    if request is not None and request.mean_ns is not None:
        of_it = load.first_token_ns
        part = "" if of_it is None else f", {_time(of_it)} of it until the first token"
        bad = _many_failed(load)
        return f"A request took {_time(request.mean_ns)} on average{_tail(request)}{part}{bad}."
    if first.mean_ns is not None:
        return (
            f"The first token came after {_time(first.mean_ns)} on average{_tail(first)}; how long "
            "whole requests took is not told."
        )
    return "How long requests took on average is not told."


def _many_failed(load: Load) -> str:
    share = (load.failed or 0) / load.requests if load.requests else 0.0
    return f"; {wording.share(share)} of the requests failed" if share >= MANY_FAILED else ""


def _of_parts(load: Load) -> str:
    rates = [one.achieved_per_s for one in load.parts if one.achieved_per_s is not None]
    if not rates:
        return f"There are {len(load.parts):,} parts, of which no rate is told."
    if not load.is_sweep:
        runs = wording.counted(len(load.parts), "run")
        low, high = (wording.number(rate) for rate in (min(rates), max(rates)))
        return f"{runs} reached {low if low == high else f'{low} to {high}'} requests a second."
    best = max(load.parts, key=lambda one: one.achieved_per_s or 0)
    request = best.times.get("request", PhaseTimes())
    mean = f", {_time(request.mean_ns)} each on average" if request.mean_ns else ""
    return (
        f"Of {len(load.parts):,} levels, {wording.plain(best.label, 80)} reached the highest rate: "
        f"{wording.number(best.achieved_per_s)} requests a second{mean}{_tail(request)}."
    )


def _tail(times: PhaseTimes) -> str:
    for name, value in (("99 %", times.p99_ns), ("95 %", times.p95_ns)):
        if value is not None:
            return f" ({name} within {_time(value)})"
    return ""


def sentence(load: Load) -> str:
    """Which tool, how long, and how requests were sent."""
    during = "" if load.window_ns is None else f", in {_time(load.window_ns)}"
    how = f" Requests were sent {ARRIVALS[load.arrivals]}." if load.arrivals else ""
    return f"{wording.plain(load.tool, 60)}{during}.{how}"


def requests(load: Load) -> str:
    """Which requests the latencies come from."""
    if load.parts and not load.times:
        return f"The {load.parts_are} of this load test have latencies of their own: see the table."
    request = load.times.get("request")
    if request is None:
        return "How long whole requests took is not told."
    if request.count is None:
        return "How many requests the latencies come from is not told."
    return f"From {wording.counted(request.count, 'request')}, as the load generator saw them."


def composition(load: Load) -> str:
    """What the stage bar shows."""
    if "request" not in load.times:
        return "What a request's time consists of cannot be seen from outside the server."
    after = "From the first token on it is decode, with the network. "
    return (
        "The mean request as its client saw it. "
        + ("" if load.first_token_ns is None else after)
        + "What no tool timed is not attributed: queue, work and network look alike from outside."
    )


def tables(load: Load) -> Iterator[Table]:
    """The phases of all requests, and the parts: levels, runs or entries."""
    for columns, cells in ((COLUMNS, _phase_rows(load)), (PART_COLUMNS, _part_rows(load))):
        if cells:
            yield _without_empty(columns, cells)


def _without_empty(columns: Row, cells: list[Row]) -> Table:
    """No column of which no row tells anything."""
    by_column = enumerate(zip(*cells, strict=True))
    told = [place for place, column in by_column if set(column) != {wording.DASH}]
    return Table(_chosen(columns, told), [_chosen(row, told) for row in cells])


def _chosen(row: Row, places: list[int]) -> Row:
    return tuple(row[place] for place in places)


def _phase_rows(load: Load) -> list[Row]:
    return [
        (label, _count(load.times[phase].count), *_cells(load.times[phase]))
        for phase, label in PHASES.items()
        if phase in load.times
    ]


def _part_rows(load: Load) -> list[Row]:
    return [
        (
            wording.plain(part.label, 80),
            _count(part.requests),
            _count(part.failed),
            wording.DASH if part.achieved_per_s is None else wording.number(part.achieved_per_s),
            *_cells(part.times.get("request", PhaseTimes())),
            _cell(part.times.get("first_token", PhaseTimes()).mean_ns),
        )
        for part in load.parts[:SHOWN_PARTS]
    ]


def figures(load: Load) -> list[tuple[str, str]]:
    """What is no time: how many, how fast, by how many."""
    return [*_counts(load), *_rates(load)]


def _counts(level: Level) -> Iterator[tuple[str, str]]:
    if level.requests is not None:
        yield "requests", wording.count(level.requests)
    if level.failed is not None:
        share = f" ({wording.share(level.failed / level.requests)})" if level.requests else ""
        yield "failed", f"{wording.count(level.failed)}{share}"
    if level.dropped is not None:
        yield "due, but never sent", wording.count(level.dropped)
    if level.concurrency is not None:
        yield "at most under way at once", wording.count(level.concurrency)
    if level.generator_cpu is not None:
        yield "CPU use of the generator", wording.share(level.generator_cpu)


def _rates(level: Level) -> Iterator[tuple[str, str]]:
    for label, rate in (
        ("requests asked for", level.offered_per_s),
        ("requests finished", level.achieved_per_s),
        ("input tokens", _a_second(level.input_tokens, level.window_ns)),
        ("output tokens", _a_second(level.output_tokens, level.window_ns)),
    ):
        if rate is not None:
            yield label, f"{wording.number(rate)} a second"


def _a_second(total: int | None, window_ns: int | None) -> float | None:
    return total / (window_ns / 1e9) if total is not None and window_ns else None


def _cells(times: PhaseTimes) -> Row:
    return tuple(map(_cell, (times.mean_ns, times.p50_ns, times.p95_ns, times.p99_ns)))


def _cell(time_ns: int | None) -> str:
    return wording.DASH if time_ns is None else _time(time_ns)


def _time(time_ns: int) -> str:
    return wording.ms(time_ns / 1e6)


def _count(value: int | None) -> str:
    return wording.count_or_dash(value)
