"""A forward looks at every layer's result from the host, to stop when a number gets too large.

Wrong: ``.item()`` waits until the GPU has done everything it was given. Then the GPU waits until
the host has issued the next layer: 24 times in each request.

EXPECT: hot-path-syncs.

Cure: keep the largest numbers on the GPU and look at all of them once, at the end.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn

import infprof

EXPECT = "hot-path-syncs"

LAYERS, ROWS, WIDTH = 24, 2048, 4096
TOO_LARGE = 1e4


def checked_each(layers: nn.ModuleList, x: Tensor) -> Tensor:
    """The forward, checked on the host after each layer."""
    for layer in layers:
        x = layer(x).relu_()
        if x.amax().item() > TOO_LARGE:
            raise OverflowError("a layer's result is too large")
    return x


def checked_once(layers: nn.ModuleList, x: Tensor) -> Tensor:
    """The forward, checked on the GPU after each layer and on the host at the end."""
    largest = []
    for layer in layers:
        x = layer(x).relu_()
        largest.append(x.amax())
    if torch.stack(largest).amax().item() > TOO_LARGE:
        raise OverflowError("a layer's result is too large")
    return x


@infprof.profile
@torch.inference_mode()
def embed(layers: nn.ModuleList, rows: Tensor, *, at_end: bool) -> Tensor:
    """The embedding of rows that are on the GPU, and stay there."""
    with infprof.annotate("layers", stage="compute"):
        return checked_once(layers, rows) if at_end else checked_each(layers, rows)


def main() -> None:
    """Serve requests of 2048 rows each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    torch.manual_seed(0)
    layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS))
    layers.to("cuda", torch.bfloat16).eval()
    rows = torch.randn(ROWS, WIDTH, device="cuda", dtype=torch.bfloat16)
    for _ in range(chosen.requests):
        embed(layers, rows, at_end=chosen.cured)


if __name__ == "__main__":
    main()
