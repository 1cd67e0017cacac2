"""A model that works on one request until it is told to end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from fastapi import FastAPI

may_end = threading.Event()
begun: list[list[float]] = []


def predict(inputs: list[float]) -> float:
    begun.append(inputs)
    may_end.wait()
    return sum(inputs)


def test_a_job_is_answered_at_once_and_done_once(
    submit: Callable[[str, list[float]], dict[str, str]],
    result: Callable[[str], dict[str, object]],
    jobs: dict[str, Future[float]],
    worker: ThreadPoolExecutor,
) -> None:
    assert submit("a", [1.0, 2.0]) == submit("a", [1.0, 2.0]) == {"status": "/jobs/a"}
    assert result("a") == {"done": False, "result": None}
    may_end.set()
    assert jobs["a"].result(timeout=60) == 3.0
    assert result("a") == {"done": True, "result": 3.0}
    worker.shutdown()
    assert begun == [[1.0, 2.0]]


def test_the_server_knows_both_ways(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    assert set(paths["/jobs/{key}"]) == {"post", "get"}
    assert "202" in paths["/jobs/{key}"]["post"]["responses"]
