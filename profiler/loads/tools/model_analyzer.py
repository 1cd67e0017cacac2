"""Triton's Model Analyzer: ``metrics-model-inference.csv``, a row per configuration and level.

Throughput counts each item of a batch; latencies are in milliseconds.
"""

from __future__ import annotations

from infprof.profiler.loads.document import Document
from infprof.profiler.loads.load import Level, Load, together
from infprof.profiler.loads.values import MS, count, known, number, times

SIGNS = ((b"Throughput (infer/sec)", b"Latency (ms)"),)


def read(document: Document) -> Load:
    """Every configuration at every level."""
    return together("Model Analyzer", [_level(row) for row in document.records("Model")])


def _level(row: dict[str, str]) -> Level:
    users, batch = count(row.get("Concurrency")), count(row.get("Batch")) or 1
    inferences = number(row.get("Throughput (infer/sec)"))
    config = row.get("Model Config Path") or row.get("Model", "")
    return Level(
        label=f"{config}, batch {batch}, concurrency {row.get('Concurrency', '?')}",
        achieved_per_s=None if inferences is None else inferences / batch,
        concurrency=users,
        arrivals="closed" if users else None,
        times=known({"request": times(
            MS, mean=row.get("Avg Latency (ms)"), p90=row.get("p90 Latency (ms)"),
            p95=row.get("p95 Latency (ms)"), p99=row.get("p99 Latency (ms)"),
        )}),
    )  # fmt: skip
