"""A layer takes 4097 features: somebody appended one to 4096.

Wrong: rows of 4097 numbers of 16 bits begin at odd addresses, from which tensor cores cannot be fed
16 bytes at a time.

EXPECT: unaligned-products.

Cure: 4160 features, of which the last 63 are always 0.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn

import infprof

EXPECT = "unaligned-products"

ROWS, FEATURES, MULTIPLE, WIDTH = 32_768, 4097, 64, 4096


def widened(features: int) -> int:
    """The next multiple of 64."""
    return features + -features % MULTIPLE


@infprof.profile
@torch.inference_mode()
def embed(layer: nn.Module, rows: Tensor) -> float:
    """The mean of the embedding of rows that are on the GPU."""
    with infprof.annotate("layer", stage="compute"):
        mean = layer(rows).mean()
    with infprof.annotate("download", stage="d2h"):
        return float(mean)


def main() -> None:
    """Serve requests of 32,768 rows each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    torch.manual_seed(0)
    features = widened(FEATURES) if chosen.cured else FEATURES
    layer = nn.Linear(features, WIDTH).to("cuda", torch.bfloat16).eval()
    rows = torch.zeros(ROWS, features, device="cuda", dtype=torch.bfloat16)
    rows[:, :FEATURES].normal_()
    for _ in range(chosen.requests):
        embed(layer, rows)


if __name__ == "__main__":
    main()
