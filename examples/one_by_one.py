"""A ranking service scores the 16 candidates of a request one after the other.

Wrong: the model runs once per candidate. Every pass reads all weights from memory and pays for
dispatch, to use them on a single row.

EXPECT: single-item-batches.

Cure: stack the candidates and call the model once. The weights are read once.
"""

from __future__ import annotations

import torch
from shared import arguments
from torch import Tensor, nn

import infprof

EXPECT = "single-item-batches"


@infprof.profile
@torch.inference_mode()
def rank(model: nn.Module, candidates: list[Tensor], *, at_once: bool) -> int:
    """The place of the best candidate."""
    with infprof.annotate("score", stage="compute"):
        if at_once:
            scores = model(torch.stack(candidates))[:, 0]
        else:
            scores = torch.cat([model(one[None])[:, 0] for one in candidates])
    with infprof.annotate("choose", stage="postprocess"):
        return int(scores.argmax())


def main() -> None:
    """Serve requests of 16 candidates each."""
    chosen = arguments(__doc__)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(512, 2048), nn.ReLU(), nn.Linear(2048, 1024), nn.ReLU(), nn.Linear(1024, 10)
    ).eval()
    for _ in range(chosen.requests):
        rank(model, list(torch.randn(16, 512)), at_once=chosen.cured)


if __name__ == "__main__":
    main()
