"""Inputs on the CPU, and whether this torch was built for it alone."""

from __future__ import annotations

import torch

from tests.snippets import reader

VALUES = [{"is_for_cpu": False}, {"is_for_cpu": True}]

batch = torch.ones(2, 4)


def test_scores_come_back_to_the_cpu(
    scores: torch.Tensor, model: torch.nn.Module, device: torch.device
) -> None:
    assert device.type == reader.device and scores.device.type == "cpu"
    assert {one.device.type for one in model.parameters()} == {device.type}
