"""Files of load generators that tell no latency: what each is, and what to give instead."""

from __future__ import annotations

from infprof.profiler.loads.tools import Signs, has

OTHERS: tuple[tuple[Signs, str], ...] = (
    (
        ((b"Method,Name,Error,Occurrences",),),
        "Locust's list of failures; give the file that ends in _stats.csv",
    ),
    (
        ((b"Count,Message,Traceback,Nodes",),),
        "Locust's list of exceptions; give the file that ends in _stats.csv",
    ),
    (
        ((b"Model,GPU UUID",),),
        "Model Analyzer's table of GPU metrics; give metrics-model-inference.csv",
    ),
    (
        ((b"*** Measurement Settings ***",),),
        "what perf_analyzer printed; give the CSV that it writes with -f",
    ),
)


def refusal(head: bytes) -> str | None:
    """What a file that begins so is instead, with the cure."""
    return next((text for signs, text in OTHERS if has(head, signs)), None)
