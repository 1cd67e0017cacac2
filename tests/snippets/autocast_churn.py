"""What is made without autocast."""

from __future__ import annotations

import torch
from torch import Tensor


def test_the_model_is_cast_and_its_result_is_not(model: torch.nn.Module, y: Tensor) -> None:
    assert {one.dtype for one in model.parameters()} == {torch.bfloat16}
    assert y.dtype == torch.float32
