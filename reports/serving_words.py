"""What a serving engine tells of itself, in words and cells, the same in every format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from infprof.profiler.serving.served import Served, Times
from infprof.reports import wording

TITLE = "What the engine tells of itself"
COLUMNS = ("", "count", "mean", "median", "95 %", "99 %")

PHASES = {
    "request": "whole request",
    "queue": "in the queue",
    "prefill": "prefill",
    "decode": "decode",
    "input": "input of the model",
    "compute": "the model",
    "output": "output of the model",
    "first_token": "until the first token (TTFT)",
    "between_tokens": "between two tokens (ITL)",
    "per_token": "per token of a request (TPOT)",
}

LEVELS = {
    "running": "requests running",
    "waiting": "requests waiting",
    "gpu_percent": "GPU busy, %",
    "gpu_memory_mib": "GPU memory in use, MiB",
    "power_w": "power, W",
    "sm_clock_mhz": "SM clock, MHz",
}
RATES = {
    "requests": "requests finished",
    "prompt_tokens": "prompt tokens",
    "generated_tokens": "generated tokens",
}


def sentence(found: Served) -> str:
    """Which engine, and over what time the figures are."""
    models = ", ".join(wording.plain(model, 80) for model in found.models)
    since = (
        "since the server began"
        if found.window_ns is None
        else f"in {wording.ms(found.window_ns / 1e6)}"
    )
    return f"{wording.plain(found.engine, 60)}{f' ({models})' if models else ''}, {since}."


def rows(found: Served) -> list[tuple[str, ...]]:
    """A row for each phase that was told."""
    return [
        (label, *_cells(found.times[phase]))
        for phase, label in PHASES.items()
        if phase in found.times
    ]


def _cells(times: Times) -> tuple[str, ...]:
    each = (times.mean_ns, times.p50_ns, times.p95_ns, times.p99_ns)
    return (
        wording.count(times.count),
        *(wording.DASH if time is None else wording.ms(time / 1e6) for time in each),
    )


def figures(found: Served) -> list[tuple[str, str]]:
    """What is no time: how many wait, how full the cache is, what is made a second."""
    return [*_levels(found.gauges), *_rates(found), *_ratios(found.counts)]


def _levels(gauges: Mapping[str, list[float]]) -> Iterator[tuple[str, str]]:
    for quantity, label in LEVELS.items():
        if quantity in gauges:
            yield label, f"{_mean(gauges[quantity]):,.1f}, at most {max(gauges[quantity]):,.0f}"
    if "kv_use" in gauges:
        most = wording.share(max(gauges["kv_use"]))
        yield "KV cache in use", f"{wording.share(_mean(gauges['kv_use']))}, at most {most}"


def _rates(found: Served) -> Iterator[tuple[str, str]]:
    for quantity, label in RATES.items():
        if found.window_ns and quantity in found.counts:
            yield label, f"{found.counts[quantity] / found.window_ns * 1e9:,.1f} a second"


def _ratios(counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    if counts.get("executions"):
        yield "batch that the model ran", f"{counts['inferences'] / counts['executions']:,.2f}"
    if "preemptions" in counts:
        yield "preemptions", wording.count(counts["preemptions"])
    if counts.get("prefix_tokens_asked"):
        part = counts.get("prefix_tokens_found", 0) / counts["prefix_tokens_asked"]
        yield "prefix-cache hits", wording.share(part)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
