"""A model in a file."""

from __future__ import annotations

import io
from collections.abc import Callable

import torch
from torch import Tensor


def build_model() -> torch.nn.Module:
    return torch.nn.Linear(4, 3)


def _weights() -> bytes:
    file = io.BytesIO()
    torch.save(build_model().state_dict(), file)
    return file.getvalue()


FILES = {"weights.pt": _weights()}


def prepare(request: list[float]) -> Tensor:
    return torch.tensor([request])


def test_a_request_is_answered(handle: Callable[[list[float]], Tensor]) -> None:
    assert handle([1.0, 2.0, 3.0, 4.0]).shape == (1, 3)
