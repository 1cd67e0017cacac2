"""What the rule fills in."""

from __future__ import annotations

import os

import torch

VALUES = [{"cores": 8}]


def test_each_usable_core_has_a_thread() -> None:
    assert torch.get_num_threads() == len(os.sched_getaffinity(0))
