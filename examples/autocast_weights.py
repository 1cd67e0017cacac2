"""Autocast casts 2 GB of weights on the GPU for each request of 256 rows.

Wrong: the weights are kept in float32. Casting them moves three times the bytes that their products
with so few rows read.

EXPECT: autocast-churn.

Cure: cast the model once, when it is loaded, and run it without autocast.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn

import infprof

EXPECT = "autocast-churn"

LAYERS, WIDTH, ROWS = 8, 8192, 256


def network() -> nn.Sequential:
    """Layers much wider than a request is long."""
    return nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS))).eval()


@infprof.profile
@torch.inference_mode()
def embed(model: nn.Module, rows: Tensor, *, cast_already: bool) -> float:
    """How large the embedding of rows is on average."""
    with infprof.annotate("model", stage="compute"):
        with torch.autocast(rows.device.type, torch.bfloat16, enabled=not cast_already):
            size = model(rows).float().abs().mean()
    with infprof.annotate("download", stage="d2h"):
        return float(size)


def serve(requests: int, device: str, *, cured: bool) -> list[float]:
    """Answer so many requests."""
    torch.manual_seed(0)
    dtype = torch.bfloat16 if cured else torch.float32
    with torch.device(device):
        model, rows = network().to(dtype), torch.randn(ROWS, WIDTH).to(dtype)
    return [embed(model, rows, cast_already=cured) for _ in range(requests)]


def main() -> None:
    """Serve requests of 256 rows each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    serve(chosen.requests, "cuda", cured=chosen.cured)


if __name__ == "__main__":
    main()
