"""An encoder of long sequences writes each head's whole matrix of scores to memory.

Wrong: product, scaling, bias, softmax and product are five operators. Four of them pass over 1024 x
1024 scores for each head, which no cache holds.

EXPECT: unfused-attention.

Cure: one call of ``scaled_dot_product_attention``, which keeps a tile of the scores at a time. The
bias is a buffer: one that could get gradients would keep the fused kernels away.
"""

from __future__ import annotations

import torch
from shared import arguments
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

import infprof

EXPECT = "unfused-attention"

HEADS, POSITIONS, WIDTH = 8, 1024, 64


class Attention(nn.Module):
    """Attention of a sequence to itself, with a bias for each pair of positions."""

    def __init__(self, *, is_fused: bool) -> None:
        super().__init__()
        self.is_fused = is_fused
        self.inputs = nn.Linear(HEADS * WIDTH, 3 * HEADS * WIDTH)
        self.bias: Tensor
        self.register_buffer("bias", torch.zeros(1, 1, POSITIONS, POSITIONS))

    def forward(self, x: Tensor) -> Tensor:
        """What each position attends to."""
        heads = self.inputs(x).view(1, POSITIONS, 3 * HEADS, WIDTH).transpose(1, 2)
        query, key, value = heads.chunk(3, dim=1)
        if self.is_fused:
            return scaled_dot_product_attention(query, key, value, attn_mask=self.bias)
        scores = query @ key.transpose(-2, -1) * WIDTH**-0.5 + self.bias
        seen: Tensor = scores.softmax(-1) @ value
        return seen


@infprof.profile
@torch.inference_mode()
def encode(model: nn.Module, sequence: Tensor) -> float:
    """The mean of a sequence's encoding."""
    with infprof.annotate("model", stage="compute"):
        return float(model(sequence).mean())


def main() -> None:
    """Serve sequences of 1024 positions."""
    chosen = arguments(__doc__)
    torch.manual_seed(0)
    model = Attention(is_fused=chosen.cured).eval()
    sequence = torch.randn(1, POSITIONS, HEADS * WIDTH)
    for _ in range(chosen.requests):
        encode(model, sequence)


if __name__ == "__main__":
    main()
