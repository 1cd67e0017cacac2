"""A load test of a simulated server, and its result as vLLM's bench and Vegeta write them.

The server does one request after the other, each in so long, and now and then it stalls.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

Sent = list[tuple[float, float]]
"""When each request was due, and how long its answer took."""

Time = Callable[[random.Random], float]


def closed_loop(users: int, seconds: float, time: Time, stalls: tuple[float, float]) -> Sent:
    """Each user waits for an answer before asking again: ``stalls`` are every so often, so long."""
    drawn, free, sent = random.Random(0), 0.0, list[tuple[float, float]]()
    waiting = [0.0] * users
    while (due := min(waiting)) < seconds:
        free = _after_stalls(max(free, due), stalls) + time(drawn)
        waiting[waiting.index(due)] = free
        sent.append((due, free - due))
    return sent


def open_loop(per_s: float, seconds: float, time: Time, stalls: tuple[float, float]) -> Sent:
    """Requests are sent at their time, whatever the server does."""
    drawn, free, sent = random.Random(0), 0.0, list[tuple[float, float]]()
    for number in range(int(per_s * seconds)):
        due = number / per_s
        free = _after_stalls(max(free, due), stalls) + time(drawn)
        sent.append((due, free - due))
    return sent


def _after_stalls(at: float, stalls: tuple[float, float]) -> float:
    every, lasts = stalls
    since = at % every
    return at + lasts - since if at >= every and since < lasts else at


def _part(walls: list[float], part: float) -> float:
    return sorted(walls)[min(int(part * len(walls)), len(walls) - 1)]


def write_bench(file: Path, sent: Sent, users: int) -> None:
    """``vllm bench serve --save-result --max-concurrency``: the times of whole requests."""
    walls = [wall for _, wall in sent]
    duration = max(due + wall for due, wall in sent)
    told = {
        "date": "20261110-091500", "endpoint_type": "openai-embeddings", "backend":
        "openai-embeddings", "label": None, "model_id": "BAAI/bge-m3", "tokenizer_id":
        "BAAI/bge-m3", "num_prompts": len(sent), "request_rate": "inf", "burstiness": 1.0,
        "max_concurrency": users, "duration": duration, "completed": len(sent), "failed": 0,
        "total_input_tokens": 300 * len(sent), "request_throughput": len(sent) / duration,
        "total_token_throughput": 300 * len(sent) / duration,
        "mean_e2el_ms": 1e3 * sum(walls) / len(walls), "median_e2el_ms": 1e3 * _part(walls, 0.5),
        "p99_e2el_ms": 1e3 * _part(walls, 0.99),
    }  # fmt: skip
    file.write_text(json.dumps(told))


def write_vegeta(file: Path, sent: Sent, failed: int = 0) -> None:
    """``vegeta report -type=json``, in nanoseconds; failed requests ended with 504."""
    walls, attack = [wall for _, wall in sent], sent[-1][0]
    wait = max(due + wall for due, wall in sent) - attack
    parts = {"50th": 0.5, "90th": 0.9, "95th": 0.95, "99th": 0.99}
    codes = {"200": len(sent) - failed, "504": failed}
    told = {
        "latencies": {
            "total": round(1e9 * sum(walls)), "mean": round(1e9 * sum(walls) / len(walls)),
            **{name: round(1e9 * _part(walls, part)) for name, part in parts.items()},
            "max": round(1e9 * max(walls)), "min": round(1e9 * min(walls)),
        },
        "bytes_in": {"total": 400 * len(sent), "mean": 400}, "bytes_out": {"total": 0, "mean": 0},
        "earliest": "2026-11-10T09:15:00Z", "latest": "2026-11-10T09:17:00Z",
        "end": "2026-11-10T09:17:00Z", "duration": round(1e9 * attack), "wait": round(1e9 * wait),
        "requests": len(sent), "rate": len(sent) / attack,
        "throughput": (len(sent) - failed) / (attack + wait),
        "success": 1 - failed / len(sent),
        "status_codes": {code: count for code, count in codes.items() if count},
        "errors": ["504 Gateway Timeout"] if failed else [],
    }  # fmt: skip
    file.write_text(json.dumps(told))
