"""Inputs in float32, and what the rule fills in: a type and where it is quick."""

from __future__ import annotations

import torch

from tests.snippets.reader import device

VALUES = [
    {"better": "float32", "device": "cpu"},
    {"better": "bfloat16", "device": "cpu"},
    {"better": "bfloat16", "device": "cuda"},
    {"better": "float16", "device": "cuda"},
]

batch = torch.ones(2, 4)


def load_float_model() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU()).to(device)


def test_model_and_scores_have_the_better_type(
    model: torch.nn.Module, scores: torch.Tensor
) -> None:
    assert {one.dtype for one in model.parameters()} == {scores.dtype}
    with torch.inference_mode():
        expected = model.float().cpu()(batch)
    torch.testing.assert_close(scores.float().cpu(), expected, rtol=0.02, atol=0.02)
