"""Images as they are decoded."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.snippets.reader import device

pinned_uint8 = torch.full((2, 8, 8, 3), 255, dtype=torch.uint8)
mean = std = torch.full((3, 1, 1), 0.5, device=device)
model = torch.nn.Conv2d(3, 4, 3).to(device)


def test_the_input_is_normalised(x: Tensor, y: Tensor) -> None:
    assert x.shape == (2, 3, 8, 8) and bool((x == 1).all()) and y.shape == (2, 4, 6, 6)
