"""A model that runs in a pool's thread, for a request that waits for it, under torch's tracer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from infprof import request
from infprof.profiler.breakdown import by_occupancy
from infprof.profiler.schedule import Plan
from infprof.profiler.timeline import Timeline
from tests.recorded import recorded

EAGER = Plan(warmup=0, plain=0, window=3, windows=1)


def test_the_request_computes_while_it_waits(tmp_path: Path) -> None:
    model, input = torch.nn.Linear(1000, 1000), torch.ones(2000, 1000)
    with ThreadPoolExecutor(1) as pool, recorded(tmp_path, EAGER) as made:
        for _ in range(4):
            with request(), torch.inference_mode():
                pool.submit(model, input).result()
    found = by_occupancy(Timeline(made.done))
    assert len(found.requests) == 3
    in_ops = found.leaves["compute.cpu"][1]
    assert found.exposed_ns("compute") > 0.5 * in_ops > 0, "its own thread's wait hides nothing"
