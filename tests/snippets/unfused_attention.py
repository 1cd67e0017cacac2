"""Queries, keys and values of two heads."""

from __future__ import annotations

import torch
from torch import Tensor

q, k, v = torch.randn(3, 1, 2, 6, 4)
bias, scale = torch.randn(6, 6), 0.5


def test_the_result_is_what_the_comment_says(y: Tensor) -> None:
    expected = ((q @ k.transpose(-2, -1)) * scale + bias).softmax(-1) @ v
    assert torch.allclose(y, expected, atol=1e-5)
