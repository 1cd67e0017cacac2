"""A cache that grows by one row."""

from __future__ import annotations

import torch
from torch import Tensor

batch, most_steps, width, step = 2, 8, 4, 0
new = torch.ones(2, 1, 4)


def test_the_new_row_is_seen_and_none_is_moved(cache: Tensor, seen: Tensor) -> None:
    assert torch.equal(seen, new) and seen.data_ptr() == cache.data_ptr()
