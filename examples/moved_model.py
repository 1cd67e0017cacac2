"""A handler moves the model to the GPU for each request, and back to leave room for others.

Wrong: 540 MB of weights cross the link twice in each request, through pageable memory. The rows
that they are for have a hundredth of that.

EXPECT: reloaded-model.

Cure: move it once, when the process starts, and leave it there.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn

import infprof

EXPECT = "reloaded-model"

PAIRS, WIDTH, HIDDEN, ROWS = 2, 4096, 8192, 256


def network() -> nn.Sequential:
    """Pairs of layers, wider and narrower, of 34 million weights each."""
    torch.manual_seed(0)
    widths = [(WIDTH, HIDDEN), (HIDDEN, WIDTH)] * PAIRS
    return nn.Sequential(*(nn.Linear(into, out) for into, out in widths)).eval()


@torch.inference_mode()
def size_of(model: nn.Module, rows: Tensor) -> float:
    """How large the embedding of rows is on average."""
    with infprof.annotate("model", stage="compute"):
        size = model(rows).abs().mean()
    with infprof.annotate("download", stage="d2h"):
        return float(size)


@infprof.profile
def embed(model: nn.Module, rows: Tensor, *, visits: bool) -> float:
    """Answer one request; a model that only visits the GPU leaves it afterwards."""
    if visits:
        model.to(rows.device)
    found = size_of(model, rows)
    if visits:
        model.to("cpu")
    return found


def serve(requests: int, device: str, *, cured: bool) -> list[float]:
    """Answer so many requests."""
    torch.set_float32_matmul_precision("high")
    model = network()
    if cured:
        model.to(device)
    rows = torch.randn(ROWS, WIDTH).to(device)
    return [embed(model, rows, visits=not cured) for _ in range(requests)]


def main() -> None:
    """Serve requests of 256 rows each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    serve(chosen.requests, "cuda", cured=chosen.cured)


if __name__ == "__main__":
    main()
