"""Boxes with scores, of which some are kept."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.snippets.reader import device

NEEDS_GPU = "torch tells of waits for a GPU only where there is one"

scores = torch.tensor([0.9, 0.1, 0.8], device=device)
boxes = torch.ones(3, 4, device=device)
threshold = 0.5


def test_what_is_not_kept_is_nothing(result: Tensor) -> None:
    torch.cuda.set_sync_debug_mode("default")
    assert result[:, :4].tolist() == [[1.0] * 4, [0.0] * 4, [1.0] * 4]
