"""A service that keeps something of each request: Python's own memory, and a tensor."""

from __future__ import annotations

import tracemalloc
from collections import deque
from collections.abc import Callable, Iterable

import torch

NEEDS_GPU = {
    "_record_memory_history": "what PyTorch's allocator of GPU memory does is written down",
    "max_memory_reserved": "the GPU's memory is compared with what was used of it",
}

requests, left_behind = range(100), list[bytearray]()
largest_batch = torch.ones(8, 4)


def prepare(request: int) -> torch.Tensor:
    return torch.full((1, 4), float(request))


def serve(requests: Iterable[int]) -> None:
    left_behind.extend(bytearray(10_000) for _ in requests)


def test_numbers_are_kept_and_not_more_than_the_limit(
    handle: Callable[[int], list[int]], history: deque[list[int]]
) -> None:
    for request in range(1001):
        assert handle(request) == history[-1]
    assert len(history) == 1000 and isinstance(history[0][0], int)


def test_what_is_left_behind_comes_first(grown: list[tracemalloc.StatisticDiff]) -> None:
    assert grown[0].size_diff > 1_000_000
    assert any("memory_growth.py" in line for line in grown[0].traceback.format())
