"""A model serves on the CPU, beside a GPU that does nothing.

Wrong: the checkpoint was read with ``map_location="cpu"``, as one does, and nobody moved the model.
It answers, so that nobody noticed.

EXPECT: unused-gpu.

Cure: ``model.to("cuda")``, once, and the same for each input.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn

import infprof

EXPECT = "unused-gpu"

LAYERS, WIDTH, FEATURES, ROWS = 4, 4096, 512, 64


def network() -> nn.Sequential:
    """Layers of 17 million weights each, behind a smaller one."""
    torch.manual_seed(0)
    layers = [nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)]
    return nn.Sequential(nn.Linear(FEATURES, WIDTH), *layers).eval()


@infprof.profile
@torch.inference_mode()
def embed(model: nn.Module, rows: Tensor, device: str) -> float:
    """How large the embedding of rows is on average; they are on the CPU when they come."""
    with infprof.annotate("upload", stage="h2d"):
        rows = rows.to(device)
    with infprof.annotate("model", stage="compute"):
        size = model(rows).abs().mean()
    with infprof.annotate("download", stage="d2h"):
        return float(size)


def serve(requests: int, device: str, *, cured: bool) -> list[float]:
    """Answer so many requests; the cure is to do so on the device."""
    torch.set_float32_matmul_precision("high")
    device = device if cured else "cpu"
    model, rows = network().to(device), torch.randn(ROWS, FEATURES)
    return [embed(model, rows, device) for _ in range(requests)]


def main() -> None:
    """Serve requests of 64 rows each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    serve(chosen.requests, "cuda", cured=chosen.cured)


if __name__ == "__main__":
    main()
