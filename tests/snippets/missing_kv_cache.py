"""A small language model that keeps what it needs of the tokens it has seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Out(NamedTuple):
    logits: Tensor
    past_key_values: Tensor


class Small(torch.nn.Module):
    """Its state stands for the keys and values of attention."""

    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(20, 8)
        self.states = torch.nn.GRU(8, 8, batch_first=True)
        self.head = torch.nn.Linear(8, 20)

    def forward(
        self, input_ids: Tensor, past_key_values: Tensor | None = None, use_cache: bool = False
    ) -> Out:
        states, last = self.states(self.words(input_ids), past_key_values)
        return Out(self.head(states), last)


def test_the_tokens_are_those_without_a_cache(
    generate: Callable[[torch.nn.Module, Tensor, int], Tensor],
) -> None:
    model, ids = Small().eval(), torch.tensor([[1, 2, 3]])
    with torch.inference_mode():
        expected = ids
        for _ in range(5):
            new = model(expected).logits[:, -1:].argmax(-1)
            expected = torch.cat((expected, new), dim=1)
    assert torch.equal(generate(model, ids, 5), expected)
