"""A search for a NaN ended long ago, and its switch is still on.

Wrong: anomaly detection was turned on to find where a NaN came from. It writes down the whole
Python stack for each operation that autograd records: requests take several times as long.

EXPECT: debug-switches.

Cure: turn it on for the one run that looks for the NaN. Inference needs no gradients either.
"""

from __future__ import annotations

import torch
from shared import arguments
from torch import Tensor, nn

import infprof

EXPECT = "debug-switches"


def make_model() -> nn.Module:
    """A deep classifier."""
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(256, 256) for _ in range(100)), nn.Linear(256, 10)).eval()


@infprof.profile
def classify(model: nn.Module, features: Tensor) -> list[int]:
    """The classes of a batch."""
    with infprof.annotate("model", stage="compute"):
        classes: list[int] = model(features).argmax(1).tolist()
    return classes


def main() -> None:
    """Serve requests of 64 rows each."""
    chosen = arguments(__doc__)
    model, features = make_model(), torch.randn(64, 256)
    torch.autograd.set_detect_anomaly(not chosen.cured)
    with torch.inference_mode(chosen.cured):
        for _ in range(chosen.requests):
            classify(model, features)


if __name__ == "__main__":
    main()
