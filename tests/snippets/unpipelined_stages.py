"""Paths of inputs, how one is prepared, and who takes what the model says of it."""

from __future__ import annotations

import torch
from torch import Tensor

paths = ["a", "b", "c"]
taken: list[Tensor] = []
consume = taken.append


def prepare(path: str) -> Tensor:
    return torch.full((2, 4), float(paths.index(path)))


def test_each_input_is_served_once_and_in_order(model: torch.nn.Module, paths: list[str]) -> None:
    with torch.inference_mode():
        expected = [model(prepare(path)) for path in paths]
    assert len(taken) == len(paths) and all(map(torch.equal, taken, expected))
