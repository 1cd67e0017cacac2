"""What the rule casts to, and an array of NumPy's usual type."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from infprof.rules.catalog.full_precision_compute import Gain

VALUES = [
    {"gain": Gain(0.9, 0.5, True, "bf16", "B"), "half": "bfloat16"},
    {"gain": Gain(0.9, 0.5, False, "fp16", "B"), "half": "float16"},
]

array = np.ones((2, 4))


def test_the_result_is_in_full_precision_again(y: Tensor) -> None:
    assert y.dtype == torch.float32


def test_nothing_is_double(
    model: torch.nn.Module, x: Tensor, array: npt.NDArray[np.float64]
) -> None:
    assert model(x).dtype == torch.float32
