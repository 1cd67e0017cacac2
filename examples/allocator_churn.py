"""A service empties the allocator's cache after each request, to be tidy.

Wrong: ``torch.cuda.empty_cache()`` gives all free memory back to the driver, which waits for the
GPU to do so. The next request must ask for each block again.

EXPECT: allocator-churn.

Cure: leave the cache alone. Its memory is not lost: the next request uses it.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn

import infprof

EXPECT = "allocator-churn"

ROWS, WIDTH, LAYERS = 8192, 2048, 6


def network() -> nn.ModuleList:
    """Layers of ever other widths, so that none fits into the memory of another."""
    widths = [WIDTH + 1024 * place for place in range(LAYERS + 1)]
    pairs = zip(widths, widths[1:], strict=False)
    return nn.ModuleList(nn.Linear(into, out) for into, out in pairs)


@infprof.profile
@torch.inference_mode()
def embed(layers: nn.ModuleList, rows: Tensor, *, tidy: bool) -> float:
    """The mean of the last layer's result; the others are kept until the end."""
    seen = [rows]
    with infprof.annotate("model", stage="compute"):
        for layer in layers:
            seen.append(layer(seen[-1]))
        mean = seen[-1].mean()
    with infprof.annotate("download", stage="d2h"):
        found = float(mean)
    seen.clear()
    if tidy:
        torch.cuda.empty_cache()
    return found


def main() -> None:
    """Serve requests of 8192 rows each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    torch.manual_seed(0)
    layers = network().to("cuda", torch.bfloat16).eval()
    rows = torch.randn(ROWS, WIDTH, device="cuda", dtype=torch.bfloat16)
    for _ in range(chosen.requests):
        embed(layers, rows, tidy=not chosen.cured)


if __name__ == "__main__":
    main()
