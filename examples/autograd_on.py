"""A service forgot that its model was trained once.

Wrong: no ``eval()``, no ``inference_mode()``. Autograd notes down every operation and keeps its
inputs, and dropout makes the same request answer differently each time.

EXPECT: autograd-enabled.

Cure: ``model.eval()`` once, ``torch.inference_mode()`` around each request. They are two switches.
"""

from __future__ import annotations

import torch
from shared import arguments
from torch import Tensor, nn

import infprof

EXPECT = "autograd-enabled"


def make_model() -> nn.Module:
    """A classifier with dropout, in training mode as every new module is."""
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Linear(256, 1024)]
    for _ in range(3):
        layers += [nn.ReLU(), nn.Dropout(0.1), nn.Linear(1024, 1024)]
    return nn.Sequential(*layers, nn.Linear(1024, 10))


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
    if chosen.cured:
        model.eval()
    with torch.inference_mode(chosen.cured):
        for _ in range(chosen.requests):
            classify(model, features)


if __name__ == "__main__":
    main()
