"""A wide network runs under autocast, which casts all of its weights for each request.

Wrong: the weights are kept in float32, and a request has one row. Casting a weight moves three
times as many bytes as the layer itself reads.

EXPECT: autocast-churn.

Cure: cast the model once, when it is loaded, and run it without autocast.
"""

from __future__ import annotations

import torch
from shared import arguments
from torch import Tensor, nn

import infprof

EXPECT = "autocast-churn"

LAYERS, WIDTH = 4, 2048


def network() -> nn.Sequential:
    """Layers much wider than a request is long."""
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS))).eval()


@infprof.profile
@torch.inference_mode()
def score(model: nn.Module, row: Tensor, *, cast_already: bool) -> float:
    """The score of one row."""
    with (
        infprof.annotate("model", stage="compute"),
        torch.autocast("cpu", torch.bfloat16, enabled=not cast_already),
    ):
        return float(model(row).mean())


def main() -> None:
    """Serve requests of one row each."""
    chosen = arguments(__doc__)
    dtype = torch.bfloat16 if chosen.cured else torch.float32
    model = network().to(dtype)
    for _ in range(chosen.requests):
        score(model, torch.randn(1, WIDTH, dtype=dtype), cast_already=chosen.cured)


if __name__ == "__main__":
    main()
