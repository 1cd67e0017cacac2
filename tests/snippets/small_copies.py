"""Small inputs of one type, and a model with one number as its result."""

from __future__ import annotations

import torch
from torch import Tensor

small_tensors = [torch.ones(2, 3), torch.zeros(4), torch.full((1, 1), 7.0)]
model = torch.nn.Sequential(torch.nn.Linear(4, 1), torch.nn.Flatten(0))
inputs: list[Tensor] = [torch.ones(1, 4), torch.zeros(1, 4)]


def test_each_part_is_what_it_was(packed: Tensor, inputs: list[Tensor]) -> None:
    assert all(torch.equal(one, old) for one, old in zip(inputs, small_tensors, strict=True))


def test_each_result_is_there(values: Tensor) -> None:
    assert values.shape == (2, 1)
