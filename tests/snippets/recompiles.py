"""A length between the shortest and the longest."""

from __future__ import annotations

import pytest
import torch


def test_another_length_needs_no_compiler(model: torch.nn.Module) -> None:
    between = torch.ones(5, 4)
    with torch.inference_mode():
        assert model(between).shape == (5, 3)


def test_an_input_made_in_inference_mode_is_another(model: torch.nn.Module) -> None:
    with torch.inference_mode(), pytest.raises(RuntimeError, match="dispatch key set mismatch"):
        model(torch.ones(5, 4))
