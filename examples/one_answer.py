"""A large network in 16 bits answers one user at a time, who must not wait for others.

Wrong: 3.2 GB of weights must come from memory for each row, and rows of other users cannot share
them: an answer may not wait until there are some.

EXPECT: weight-streaming.

Cure: keep the weights in 8 bits, with a scale for each row of them, and compile, so that they are
unpacked inside the product: half the bytes. It needs Triton and a C compiler. Libraries such as
torchao do the same, in 4 bits as well.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn
from torch.nn.functional import linear

import infprof

EXPECT = "weight-streaming"

LAYERS, WIDTH = 6, 16_384

BACKEND, MODE = "inductor", "max-autotune-no-cudagraphs"
"""In this mode the compiler makes a kernel of its own of a product with one row."""

LARGEST = 127
"""What a weight in 8 bits may be at most."""


class Narrow(nn.Module):
    """A linear layer with weights in 8 bits."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        scale = layer.weight.detach().abs().amax(1) / LARGEST
        self.weight: Tensor
        self.scale: Tensor
        self.register_buffer("scale", scale)
        self.register_buffer("weight", (layer.weight / scale[:, None]).round().to(torch.int8))

    def forward(self, x: Tensor) -> Tensor:
        """As the layer, but for rounding."""
        return linear(x, self.weight.to(x.dtype)) * self.scale


def network(device: str, *, narrow: bool) -> Callable[[Tensor], Tensor]:
    """Layers without a bias, made where they are used."""
    with torch.device(device):
        layers: list[nn.Module] = []
        for _ in range(LAYERS):
            layer = nn.Linear(WIDTH, WIDTH, bias=False, dtype=torch.bfloat16)
            layers.append(Narrow(layer) if narrow else layer)
    model = nn.Sequential(*layers).eval()
    return torch.compile(model, backend=BACKEND, mode=MODE) if narrow else model


@infprof.profile
@torch.inference_mode()
def answer(model: Callable[[Tensor], Tensor], row: Tensor) -> float:
    """How large the state after all layers is."""
    with infprof.annotate("model", stage="compute"):
        size = model(row).float().norm()
    with infprof.annotate("download", stage="d2h"):
        return float(size)


def serve(requests: int, device: str, *, cured: bool) -> list[float]:
    """Answer so many users, one by one."""
    torch.manual_seed(0)
    model = network(device, narrow=cured)
    row = torch.randn(1, WIDTH).to(device, torch.bfloat16)
    with torch.inference_mode():
        model(row)
    return [answer(model, row) for _ in range(requests)]


def main() -> None:
    """Serve requests of one row each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    serve(chosen.requests, "cuda", cured=chosen.cured)


if __name__ == "__main__":
    main()
