"""Scores, and what a client reads of them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

scores = torch.tensor([[0.5, 0.25]])


def test_a_client_reads_the_same(
    as_json: Callable[[Tensor], bytes], as_bytes: Callable[[Tensor], bytes]
) -> None:
    assert json.loads(as_json(scores)) == {"scores": scores.tolist()}
    assert np.load(io.BytesIO(as_bytes(scores))).tolist() == scores.tolist()
