"""A large network is given one row at a time, and reads all of its weights for it.

Wrong: 3.2 GB of weights in 16 bits must come from memory for each row. That takes all of the time,
while the units that multiply stand still.

EXPECT: weight-streaming.

Cure: 256 rows of different users in one request. Each weight that was read then serves all of them.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn

import infprof

EXPECT = "weight-streaming"

LAYERS, WIDTH, TOGETHER = 6, 16_384, 256


@infprof.profile
@torch.inference_mode()
def score(model: nn.Module, rows: Tensor) -> float:
    """The mean of all rows' scores."""
    with infprof.annotate("model", stage="compute"):
        mean = model(rows).mean()
    with infprof.annotate("download", stage="d2h"):
        return float(mean)


def main() -> None:
    """Serve requests of one row each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    torch.manual_seed(0)
    with torch.device("cuda"):
        layers = [nn.Linear(WIDTH, WIDTH, dtype=torch.bfloat16) for _ in range(LAYERS)]
        rows = torch.randn(TOGETHER if chosen.cured else 1, WIDTH, dtype=torch.bfloat16)
    model = nn.Sequential(*layers).eval()
    for _ in range(chosen.requests):
        score(model, rows)


if __name__ == "__main__":
    main()
