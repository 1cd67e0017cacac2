"""A model with masks on its weights."""

from __future__ import annotations

import torch
from torch.nn.utils import prune

model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
for name in ("weight", "bias"):
    prune.l1_unstructured(model[0], name, amount=0.5)  # type: ignore[no-untyped-call]


def test_the_masks_are_gone_and_the_zeros_stay() -> None:
    assert not prune.is_pruned(model)
    assert torch.count_nonzero(torch.as_tensor(model[0].weight)) == 8
