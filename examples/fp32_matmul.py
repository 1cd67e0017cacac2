"""Large matrix products run in full float32, beside idle tensor cores.

Wrong: nothing was set. PyTorch keeps TF32 off for matrix products, so that they run on the plain
floating-point units, at an eighth of what the GPU can do.

EXPECT: full-precision-compute.

Cure: one line, ``torch.set_float32_matmul_precision("high")``. Products keep 10 bits of mantissa
and 8 of exponent; sums stay in float32.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn

import infprof

EXPECT = "full-precision-compute"

ROWS, WIDTH = 4096, 4096


@infprof.profile
@torch.inference_mode()
def embed(model: nn.Module, rows: Tensor) -> float:
    """The mean of the embedding of rows that are on the GPU."""
    with infprof.annotate("model", stage="compute"):
        mean = model(rows).mean()
    with infprof.annotate("download", stage="d2h"):
        return float(mean)


def main() -> None:
    """Serve requests of 4096 rows each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    if chosen.cured:
        torch.set_float32_matmul_precision("high")
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(),
        nn.Linear(WIDTH, WIDTH),
    ).to("cuda").eval()  # fmt: skip
    rows = torch.randn(ROWS, WIDTH, device="cuda")
    for _ in range(chosen.requests):
        embed(model, rows)


if __name__ == "__main__":
    main()
