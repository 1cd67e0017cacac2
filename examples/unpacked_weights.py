"""Weights are kept in 8 bits to be quick, and unpacked to 16 before each product.

Wrong: a layer reads 67 MB of weights, writes 134 MB, scales them, which reads and writes as much
again, and only then multiplies. In 16 bits the product alone would read 134 MB.

EXPECT: dequantization.

Cure: where the model fits in 16 bits, unpack it once, when it is loaded. Where it does not, take
kernels that read packed weights themselves.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn
from torch.nn.functional import linear

import infprof

EXPECT = "dequantization"

LAYERS, WIDTH, ROWS = 8, 8192, 128

LARGEST = 127
"""What a weight in 8 bits may be at most."""


class Packed(nn.Module):
    """A linear layer with weights in 8 bits, and a scale for each row of them."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        scale = layer.weight.detach().abs().amax(1, keepdim=True) / LARGEST
        self.weight: Tensor
        self.scale: Tensor
        self.register_buffer("scale", scale)
        self.register_buffer("weight", (layer.weight / scale).round().to(torch.int8))

    def unpacked(self) -> Tensor:
        """The weights in 16 bits."""
        return self.weight.to(self.scale.dtype) * self.scale

    def forward(self, x: Tensor) -> Tensor:
        """As the layer, but for rounding."""
        return linear(x, self.unpacked())


def network(device: str, *, unpack: bool) -> nn.Sequential:
    """Layers without a bias, made where they are used."""
    with torch.device(device):
        layers: list[nn.Module] = []
        for _ in range(LAYERS):
            layer = nn.Linear(WIDTH, WIDTH, bias=False, dtype=torch.bfloat16)
            packed = Packed(layer)
            layer.weight.data = packed.unpacked()
            layers.append(layer if unpack else packed)
    return nn.Sequential(*layers).eval()


@infprof.profile
@torch.inference_mode()
def embed(model: nn.Module, rows: Tensor) -> float:
    """How large the embedding of rows is."""
    with infprof.annotate("model", stage="compute"):
        size = model(rows).float().norm()
    with infprof.annotate("download", stage="d2h"):
        return float(size)


def serve(requests: int, device: str, *, cured: bool) -> list[float]:
    """Answer so many requests."""
    torch.manual_seed(0)
    model = network(device, unpack=cured)
    rows = torch.randn(ROWS, WIDTH).to(device, torch.bfloat16)
    return [embed(model, rows) for _ in range(requests)]


def main() -> None:
    """Serve requests of 128 rows each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    serve(chosen.requests, "cuda", cured=chosen.cured)


if __name__ == "__main__":
    main()
