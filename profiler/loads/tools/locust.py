"""Locust: ``*_stats.csv`` and ``*_stats_history.csv``, whose times are in milliseconds.

Locust's users wait for an answer, and may pause, before they send again. The percentiles of the
history are of the last ten seconds: of it only the totals count. A script that reports parts of a
request as entries of their own (``TTFT``) makes ``Aggregated`` a mean of unlike things, which is
then left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from glob import escape
from pathlib import Path

from infprof.profiler.loads.asked import Asked, Command
from infprof.profiler.loads.document import Document
from infprof.profiler.loads.load import Level, Load, PhaseTimes
from infprof.profiler.loads.values import MS, S, count, known, number, times, window

SIGNS = ((b"Type,Name,Request Count,Failure Count",), (b"Timestamp,User Count,Type,Name",))

WHOLE = "Aggregated"
PHASES = {"ttft": "first_token", "time to first token": "first_token", "e2e": "request"}
"""What scripts call the parts of a streamed answer."""

Row = Mapping[str, str]
Key = tuple[str, str]
"""Method and path: one path may be asked for in two ways."""


def read(document: Document) -> Load:
    """Either file."""
    rows = document.records("Name")
    return _history(rows) if rows and "User Count" in rows[0] else _stats(rows)


def _stats(rows: list[dict[str, str]]) -> Load:
    return _load({_key(row): _entry(row, "", _times(row)) for row in rows})


def _history(rows: list[dict[str, str]]) -> Load:
    """The last row of each entry has its totals."""
    last = {_key(row): row for row in rows}
    load = _load({key: _entry(row, "Total ", _totals(row)) for key, row in last.items()})
    seen = [time for row in rows if (time := count(row.get("Timestamp"))) is not None]
    window_ns = (max(seen) - min(seen)) * S if seen else 0
    users = [many for row in rows if (many := count(row.get("User Count"))) is not None]
    return load.model_copy(
        update={
            "window_ns": window_ns or None,
            "achieved_per_s": (load.requests or 0) * S / window_ns if window_ns else None,
            "concurrency": max(users, default=0) or None,
        }
    )


def _key(row: Row) -> Key:
    return row.get("Type", ""), row["Name"]


def _entry(row: Row, prefix: str, request: PhaseTimes | None) -> Level:
    requests, rate = count(row.get(f"{prefix}Request Count")), number(row.get("Requests/s"))
    return Level(
        label=" ".join(filter(None, (row.get("Type", ""), row["Name"]))),
        requests=requests,
        failed=count(row.get(f"{prefix}Failure Count")),
        window_ns=None if prefix else window(requests, rate),
        achieved_per_s=None if prefix else rate,
        arrivals="paced",
        times=known({"request": request}),
    )


def _times(row: Row) -> PhaseTimes | None:
    return times(
        MS, row.get("Request Count"), mean=row.get("Average Response Time"), p50=row.get("50%"),
        p90=row.get("90%"), p95=row.get("95%"), p99=row.get("99%"),
        max=row.get("Max Response Time"),
    )  # fmt: skip


def _totals(row: Row) -> PhaseTimes | None:
    return times(
        MS, row.get("Total Request Count"), mean=row.get("Total Average Response Time"),
        p50=row.get("Total Median Response Time"), max=row.get("Total Max Response Time"),
    )  # fmt: skip


def _load(entries: dict[Key, Level]) -> Load:
    """The entries, and what they are together."""
    whole = Level(arrivals="paced")
    for key in [key for key in entries if key[1] == WHOLE]:
        whole = entries.pop(key)
    phases = {
        PHASES[name.lower()]: entry
        for (_, name), entry in entries.items()
        if name.lower() in PHASES
    }
    if phases:
        found = {phase: entry.times.get("request") for phase, entry in phases.items()}
        whole = phases.get("request", Level(arrivals="paced"))
        whole = whole.model_copy(update={"times": known(found)})
    parts = list(entries.values()) if len(entries) > 1 else []
    return Load(tool="Locust", parts=parts, parts_are="entries", **{**dict(whole), "label": ""})


def asked(command: Command, folder: Path) -> Asked | None:
    """``locust`` without its web page, where nobody would press the button."""
    locust = command.named("locust")
    if locust is None:
        return None
    given, ours = locust.value("--csv"), str(folder / "locust")
    options = [] if given else ["--csv", ours]
    options += [] if locust.has("--headless", "--autostart") else ["--headless"]
    return Asked(
        locust.with_options(*options),
        (escape(f"{given or ours}_stats.csv"),),
        users=locust.users("-u", "--users"),
    )
