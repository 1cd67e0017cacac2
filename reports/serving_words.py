"""What a serving engine tells of itself, in words and cells, the same in every format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean

from infprof.profiler.serving import ratios
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
    "worker": "in the worker that runs the model",
    "batch_wait": "until a batch is full",
    "batch_run": "one batch",
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
SHARES = {
    "kv_use": "KV cache in use",
    "gpu_share": "GPU busy",
    "sm_share": "SMs with work",
    "occupancy_share": "SM occupancy",
    "tensor_share": "tensor cores busy",
    "memory_share": "GPU memory interface busy",
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
    return [*_levels(found.gauges), *_rates(found), *_sizes(found), *_ratios(found)]


def _levels(gauges: Mapping[str, list[float]]) -> Iterator[tuple[str, str]]:
    for quantity, label in LEVELS.items():
        if quantity in gauges:
            most = f"{max(gauges[quantity]):,.0f}"
            yield label, f"{fmean(gauges[quantity]):,.1f}, at most {most}"
    for quantity, label in SHARES.items():
        if quantity in gauges:
            most = wording.share(max(gauges[quantity]))
            yield label, f"{wording.share(fmean(gauges[quantity]))}, at most {most}"


def _rates(found: Served) -> Iterator[tuple[str, str]]:
    for quantity, label in RATES.items():
        if found.window_ns and quantity in found.counts:
            yield label, f"{found.counts[quantity] / found.window_ns * 1e9:,.1f} a second"


def _sizes(found: Served) -> Iterator[tuple[str, str]]:
    batch, room = ratios.executed_batch(found), ratios.kv_tokens(found)
    if batch is not None:
        yield "batch that the model ran", f"{batch:,.2f}"
    step = found.sizes.get("step_tokens")
    if step is not None:
        most = "" if step.p99 is None else f", 99 % of them at most {step.p99:,.0f}"
        yield "tokens of an engine step", f"{step.mean:,.1f}{most}"
    if room is not None:
        yield "KV cache has room for", f"{room:,} tokens"


def _ratios(found: Served) -> Iterator[tuple[str, str]]:
    if "preemptions" in found.counts:
        yield "preemptions", wording.count(found.counts["preemptions"])
    parts = {
        "prefix-cache hits": ratios.prefix_hit_share(found),
        "response-cache hits": ratios.response_hit_share(found),
        "drafted tokens kept": ratios.accepted_share(found),
    }
    yield from ((label, wording.share(part)) for label, part in parts.items() if part is not None)
