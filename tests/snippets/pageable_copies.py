"""Inputs of one shape, and what fills a buffer with one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

NEEDS_GPU = "pinned memory and events"

shape, dtype = (2, 4), torch.float32


def test_each_turn_brings_its_own_input(
    upload: Callable[[int, Callable[[Tensor], object]], Tensor],
) -> None:
    def fill_with(number: int) -> Callable[[Tensor], object]:
        return lambda buffer: buffer.fill_(number)

    seen = [upload(turn, fill_with(turn)) for turn in range(5)]
    assert [int(one.sum()) for one in seen] == [8 * turn for turn in range(5)]
