"""Inputs in pinned memory, one after the other."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.snippets.reader import device

NEEDS_GPU = "pinned memory and streams"

pinned_inputs = (torch.full((2, 4), float(n), pin_memory=device == "cuda") for n in range(3))


def test_the_last_input_is_computed(model: torch.nn.Module, y: Tensor) -> None:
    assert torch.allclose(y, model(torch.full((2, 4), 2.0, device=device)))
