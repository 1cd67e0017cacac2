"""A dataset, and what the rule fills in."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

VALUES = [{"workers": 2, "pin": ""}, {"workers": 1, "pin": " pin_memory=True,"}]

dataset = TensorDataset(torch.arange(64.0))


def test_all_is_loaded_and_the_workers_stay(loader: DataLoader[Any]) -> None:
    assert len(loader) == 2 and loader.persistent_workers
