"""Batches of a model whose results need work on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

model = torch.nn.Linear(4, 9)


def postprocess(scores: Tensor, labels: Tensor) -> list[int]:
    assert scores.shape == labels.shape
    return [int(label) for label in labels[:, 0]]


def test_each_batch_comes_once_and_in_order(
    serve: Callable[[Iterable[Tensor]], Iterator[list[int]]], workers: ThreadPoolExecutor
) -> None:
    batches = [torch.randn(2, 4) for _ in range(3)]
    assert list(serve(batches)) == [model(one).argmax(-1).tolist() for one in batches]
    assert list(serve([])) == []
    workers.shutdown()
