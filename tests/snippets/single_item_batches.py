"""Inputs of one shape."""

from __future__ import annotations

import torch
from torch import Tensor

items = [torch.full((4,), float(number)) for number in range(3)]


def test_the_last_item_has_its_own_output(
    model: torch.nn.Module, item: Tensor, output: Tensor
) -> None:
    assert torch.allclose(model(item), output, atol=1e-6)
