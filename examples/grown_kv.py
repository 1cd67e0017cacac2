"""A language model's cache of keys and values is made longer with ``torch.cat`` for each word.

Wrong: each word copies all keys and values there are, a gigabyte, to add a thousandth of them. That
moves twice the bytes that the attention reads.

EXPECT: tensor-copies.

Cure: one cache for the longest text, allocated once; each word is written into its place.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

import infprof

EXPECT = "tensor-copies"

TEXTS, PROMPT, WORDS = 64, 1024, 64
HEADS, HEAD_WIDTH = 32, 128
WIDTH = HEADS * HEAD_WIDTH


class Grown:
    """Keys and values of all positions so far, in tensors as long as they are."""

    def __init__(self, prompt: Tensor) -> None:
        self.keys_values = prompt

    def add(self, new: Tensor) -> Tensor:
        """All of them, with those of one more position."""
        self.keys_values = torch.cat([self.keys_values, new], dim=3)
        return self.keys_values


class Static:
    """The same in a tensor as long as they will ever be."""

    def __init__(self, prompt: Tensor, room: Tensor) -> None:
        self.keys_values, self.length = room, PROMPT
        self.keys_values[:, :, :, :PROMPT] = prompt

    def add(self, new: Tensor) -> Tensor:
        """All of them, with those of one more position."""
        self.keys_values[:, :, :, self.length] = new.squeeze(3)
        self.length += 1
        return self.keys_values[:, :, :, : self.length]


@infprof.profile
@torch.inference_mode()
def write(layer: nn.Module, prompt: Tensor, room: Tensor | None) -> float:
    """Sixty-four words for each text: how large the state of the last is on average."""
    with infprof.annotate("decode", stage="compute"):
        cache = Grown(prompt) if room is None else Static(prompt, room)
        state = prompt[0, :, :, -1].flatten(1)
        for _ in range(WORDS):
            query, *new = layer(state).view(TEXTS, 3, HEADS, 1, HEAD_WIDTH).unbind(1)
            keys, values = cache.add(torch.stack(new))
            state = scaled_dot_product_attention(query, keys, values).flatten(1)
        size = state.abs().mean()
    with infprof.annotate("download", stage="d2h"):
        return float(size)


def serve(requests: int, device: str, *, cured: bool) -> list[float]:
    """Answer so many requests."""
    torch.manual_seed(0)
    shape = [2, TEXTS, HEADS, PROMPT + WORDS, HEAD_WIDTH]
    with torch.device(device):
        layer = nn.Linear(WIDTH, 3 * WIDTH, dtype=torch.bfloat16).eval()
        prompt = torch.randn(*shape[:3], PROMPT, HEAD_WIDTH, dtype=torch.bfloat16)
        room = torch.empty(shape, dtype=torch.bfloat16) if cured else None
    return [write(layer, prompt, room) for _ in range(requests)]


def main() -> None:
    """Serve requests of 64 texts each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    serve(chosen.requests, "cuda", cured=chosen.cured)


if __name__ == "__main__":
    main()
