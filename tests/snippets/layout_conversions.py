"""Images for a convolution."""

from __future__ import annotations

import torch
from torch import Tensor

model = torch.nn.Conv2d(3, 8, 3)
x = torch.ones(2, 3, 16, 16)


def test_the_layout_is_kept(y: Tensor) -> None:
    assert y.is_contiguous(memory_format=torch.channels_last)
