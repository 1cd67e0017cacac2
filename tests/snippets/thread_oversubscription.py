"""What the rule fills in."""

from __future__ import annotations

import os

import torch

VALUES = [{"threads": 1, "cores": 4, "served": 4}]


def test_torch_has_as_many_threads() -> None:
    assert torch.get_num_threads() == 1 and os.environ["OMP_NUM_THREADS"] == "1"
