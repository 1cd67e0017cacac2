"""LMCache's and the vLLM production stack's ``multi-round-qa.py``: a CSV row per request, in
seconds. The rate that it was asked for is not in the file.
"""

from __future__ import annotations

from infprof.profiler.loads.document import Document
from infprof.profiler.loads.load import Load
from infprof.profiler.loads.values import S, count, known, ns, number, of_each, per_s

SIGNS = ((b"prompt_tokens,generation_tokens,ttft,generation_time",),)


def read(document: Document) -> Load:
    """All requests of the file."""
    rows = document.records("ttft")

    def column(name: str) -> list[float | None]:
        return [number(row.get(name)) for row in rows]

    starts, ends = (
        [time for time in column(name) if time] for name in ("launch_time", "finish_time")
    )
    walls = [
        None if None in (first, rest) else (first or 0) + (rest or 0)
        for first, rest in zip(column("ttft"), column("generation_time"), strict=True)
    ]
    window_ns = ns(max(ends) - min(starts), S) if starts and ends else None
    return Load(
        tool="multi-round-qa",
        requests=len(rows),
        window_ns=window_ns,
        achieved_per_s=per_s(len(rows), window_ns),
        times=known({"request": of_each(walls, S), "first_token": of_each(column("ttft"), S)}),
        input_tokens=sum(count(row.get("prompt_tokens")) or 0 for row in rows),
        output_tokens=sum(count(row.get("generation_tokens")) or 0 for row in rows),
    )
