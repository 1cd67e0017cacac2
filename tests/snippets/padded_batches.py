"""Texts of many lengths, what cuts them into tokens, and a model that takes them padded."""

from __future__ import annotations

import torch
from torch import Tensor

texts = ["a" * length for length in (9, 1, 5) * 20]
input_ids = torch.ones(2, 8, dtype=torch.long)
attention_mask = torch.tensor([[1] * 5 + [0] * 3, [1] * 3 + [0] * 5])
seen: list[int] = []


def tokenizer(part: list[str], *, padding: str, return_tensors: str) -> dict[str, Tensor]:
    assert (padding, return_tensors) == ("longest", "pt")
    longest = max(map(len, part))
    mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one in part])
    return {"input_ids": mask, "attention_mask": mask}


def model(input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    assert input_ids.shape == attention_mask.shape
    seen.append(input_ids.shape[1])
    return input_ids


def test_no_row_is_longer_than_the_longest_of_its_batch(longest: int) -> None:
    assert seen == [5, 9, longest] and longest == 5
