"""A model with a vocabulary of an odd size."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor

model = SimpleNamespace(head=torch.nn.Linear(8, 101))
states = torch.randn(2, 8)


def test_the_scores_are_the_same(head: torch.nn.Linear, scores: Tensor) -> None:
    assert head.out_features == 128
    assert torch.allclose(scores, model.head(states), atol=1e-5)
