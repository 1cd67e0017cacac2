"""Attention over 4096 positions is written as on paper: two products and a softmax between them.

Wrong: 64 heads of 4096 x 4096 scores are 2.1 GB, which are written and read three times. The
result has 33 MB.

EXPECT: unfused-attention.

Cure: ``scaled_dot_product_attention``, whose kernel keeps a tile of the scores on the chip.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

import infprof

EXPECT = "unfused-attention"

SEQUENCES, HEADS, POSITIONS, WIDTH = 4, 16, 4096, 64


def by_hand(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """As in the papers."""
    scores = query @ key.transpose(-2, -1) * WIDTH**-0.5
    seen: Tensor = scores.softmax(-1) @ value
    return seen


@infprof.profile
@torch.inference_mode()
def attend(heads: Tensor, *, is_fused: bool) -> float:
    """How large what the positions attend to is on average."""
    with infprof.annotate("attention", stage="compute"):
        query, key, value = heads
        if is_fused:
            seen = scaled_dot_product_attention(query, key, value)
        else:
            seen = by_hand(query, key, value)
        size = seen.abs().mean()
    with infprof.annotate("download", stage="d2h"):
        return float(size)


def serve(requests: int, device: str, *, cured: bool) -> list[float]:
    """Answer so many requests."""
    torch.manual_seed(0)
    heads = torch.randn(3, SEQUENCES, HEADS, POSITIONS, WIDTH).to(device, torch.bfloat16)
    return [attend(heads, is_fused=cured) for _ in range(requests)]


def main() -> None:
    """Serve requests of four sequences each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    serve(chosen.requests, "cuda", cured=chosen.cured)


if __name__ == "__main__":
    main()
