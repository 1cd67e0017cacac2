"""A network was pruned to a tenth of its weights, and is slower than before.

Wrong: the hooks of ``torch.nn.utils.prune`` are still there. They multiply each weight by its mask
at each call, and a layer takes as long for zeros as for any other number.

EXPECT: pruning-masks.

Cure: ``prune.remove``, which writes the zeros into the weights. Then it is as quick as it was: no
kernel skips zeros that lie anywhere.
"""

from __future__ import annotations

import torch
from shared import arguments
from torch import Tensor, nn
from torch.nn.utils import prune

import infprof

EXPECT = "pruning-masks"

WIDTHS, ROWS, PRUNED = (2048, 3072, 1536, 1024), 4, 0.9


def network(*, masks_stay: bool) -> nn.Sequential:
    """Layers of which nine weights in ten are zero."""
    torch.manual_seed(0)
    layers = [nn.Linear(*pair) for pair in zip(WIDTHS, WIDTHS[1:], strict=False)]
    for layer in layers:
        prune.random_unstructured(layer, "weight", PRUNED)  # type: ignore[no-untyped-call]
        if not masks_stay:
            prune.remove(layer, "weight")  # type: ignore[no-untyped-call]
    return nn.Sequential(*layers).eval()


@infprof.profile
@torch.inference_mode()
def score(model: nn.Module, rows: Tensor) -> float:
    """The mean of all scores."""
    with infprof.annotate("model", stage="compute"):
        return float(model(rows).mean())


def main() -> None:
    """Serve requests of four rows each."""
    chosen = arguments(__doc__)
    model = network(masks_stay=not chosen.cured)
    rows = torch.randn(ROWS, WIDTHS[0])
    for _ in range(chosen.requests):
        score(model, rows)


if __name__ == "__main__":
    main()
