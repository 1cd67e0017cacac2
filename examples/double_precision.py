"""A model computes in float64, because its features come from NumPy.

Wrong: NumPy makes float64, the model complained about the type, and somebody silenced it with
``model.double()``. A vector register holds half as many numbers, and memory moves twice the bytes.

EXPECT: full-precision-compute.

Cure: cast the features to float32 where they enter, and leave the model as it was.
"""

from __future__ import annotations

import numpy as np
import torch
from shared import arguments
from torch import nn

import infprof

EXPECT = "full-precision-compute"


@infprof.profile
@torch.inference_mode()
def predict(model: nn.Module, table: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
    """The mean prediction for the rows of a table."""
    with infprof.annotate("features", stage="preprocess"):
        features = torch.from_numpy(table).to(next(model.parameters()).dtype)
    with infprof.annotate("model", stage="compute"):
        return float(model(features).mean())


def main() -> None:
    """Serve requests of 256 rows each."""
    chosen = arguments(__doc__)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(512, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 1)
    ).eval()
    if not chosen.cured:
        model.double()
    table = np.random.default_rng(0).normal(size=(256, 512))
    for _ in range(chosen.requests):
        predict(model, table)


if __name__ == "__main__":
    main()
