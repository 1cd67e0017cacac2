"""An image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def test_each_pixel_is_what_a_loop_makes_of_it(
    normalise: Callable[[npt.NDArray[np.uint8]], Tensor],
) -> None:
    pixels = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    made = normalise(pixels)
    assert made.shape == (3, 4, 5) and made.dtype == torch.float32
    assert abs(float(made[2, 3, 4]) - (59 / 255 - 0.406) / 0.225) < 1e-5
