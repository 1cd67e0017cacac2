"""Scores and masks on the GPU."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.snippets.reader import device

NEEDS_GPU = "pinned memory and events"

scores = torch.arange(10.0, device=device)
logits = torch.tensor([-1.0, 1.0], device=device)


def test_the_host_has_the_masks(kept: Tensor) -> None:
    assert kept.tolist() == [0, 1] and kept.device.type == "cpu"
