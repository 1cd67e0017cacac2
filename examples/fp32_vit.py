"""A vision transformer serves in float32, because its checkpoint was saved so.

Wrong: nobody cast it. Its products run on the plain floating-point units, beside idle tensor cores,
and each weight and each activation is twice as many bytes as it need be.

EXPECT: full-precision-compute.

Cure: cast the model to bfloat16 once, when it is loaded, and its inputs with it.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

import infprof

EXPECT = "full-precision-compute"

PICTURES, PATCHES, PATCH = 64, 196, 768
"""Pictures of 224 x 224 as patches of 16 x 16 pixels in three colours."""

BLOCKS, HEADS, WIDTH = 8, 16, 1280
"""As wide as ViT-H, and a quarter as deep."""


class Block(nn.Module):
    """Attention of all patches to one another, then two layers for each patch."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.inputs, self.output = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.wider, self.narrower = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """What each patch becomes."""
        count, patches, _ = x.shape
        heads = self.inputs(self.before(x)).view(count, patches, 3 * HEADS, WIDTH // HEADS)
        seen = scaled_dot_product_attention(*heads.transpose(1, 2).chunk(3, dim=1))
        x = x + self.output(seen.transpose(1, 2).reshape(x.shape))
        x = x + self.narrower(gelu(self.wider(self.between(x))))
        return x


def network() -> nn.Sequential:
    """Patches to states of them."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(PATCH, WIDTH), *(Block() for _ in range(BLOCKS))).eval()


@infprof.profile
@torch.inference_mode()
def embed(model: nn.Module, pictures: Tensor) -> float:
    """How large the pictures' states are on average."""
    with infprof.annotate("model", stage="compute"):
        size = model(pictures).abs().mean()
    with infprof.annotate("download", stage="d2h"):
        return float(size)


def serve(requests: int, device: str, *, cured: bool) -> list[float]:
    """Answer so many requests, with pictures that are where the model is."""
    dtype = torch.bfloat16 if cured else torch.float32
    model = network().to(device, dtype)
    pictures = torch.randn(PICTURES, PATCHES, PATCH).to(device, dtype)
    return [embed(model, pictures) for _ in range(requests)]


def main() -> None:
    """Serve requests of 64 pictures each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    serve(chosen.requests, "cuda", cured=chosen.cured)


if __name__ == "__main__":
    main()
