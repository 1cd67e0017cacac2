"""A convolutional network in 16 bits keeps its pictures channel by channel.

Wrong: tensor cores want the channels of a pixel side by side. cuDNN turns each convolution's input
around first, and its result back.

EXPECT: layout-conversions.

Cure: ``channels_last`` for the model and for its input, once.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn

import infprof

EXPECT = "layout-conversions"

PICTURES, CHANNELS, SIDE, LAYERS = 32, 256, 56, 8


@infprof.profile
@torch.inference_mode()
def score(model: nn.Module, pictures: Tensor) -> float:
    """The mean of all scores."""
    with infprof.annotate("model", stage="compute"):
        mean = model(pictures).mean()
    with infprof.annotate("download", stage="d2h"):
        return float(mean)


def main() -> None:
    """Serve requests of 32 pictures each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    torch.manual_seed(0)
    layers = [nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False) for _ in range(LAYERS)]
    layout = torch.channels_last if chosen.cured else torch.contiguous_format
    model = nn.Sequential(*layers).to("cuda", torch.float16).eval()
    for weight in model.parameters():
        weight.data = weight.data.to(memory_format=layout)
    pictures = torch.randn(
        PICTURES, CHANNELS, SIDE, SIDE, device="cuda", dtype=torch.float16
    ).to(memory_format=layout)  # fmt: skip
    for _ in range(chosen.requests):
        score(model, pictures)


if __name__ == "__main__":
    main()
