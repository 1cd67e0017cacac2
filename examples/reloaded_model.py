"""A handler loads the model anew for every request.

Wrong: the function that answers also reads the checkpoint, as a script would. Nothing about the
weights changes between requests.

EXPECT: reloaded-model.

Cure: load once, when the process starts; requests only use it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from shared import arguments
from torch import Tensor, nn

import infprof

EXPECT = "reloaded-model"


def make_model() -> nn.Module:
    """The network, with random weights."""
    return nn.Sequential(
        nn.Linear(512, 1536), nn.ReLU(), nn.Linear(1536, 1024), nn.ReLU(), nn.Linear(1024, 10)
    ).eval()


def load_model(checkpoint: Path) -> nn.Module:
    """The network with the weights of a file."""
    with infprof.annotate("load model", stage="python"):
        model = make_model()
        model.load_state_dict(torch.load(checkpoint, weights_only=True))
        return model


@infprof.profile
@torch.inference_mode()
def classify(features: Tensor, checkpoint: Path, model: nn.Module | None) -> list[int]:
    """The classes of a batch."""
    model = load_model(checkpoint) if model is None else model
    with infprof.annotate("model", stage="compute"):
        classes: list[int] = model(features).argmax(1).tolist()
    return classes


def main() -> None:
    """Save a checkpoint, then serve requests of 64 rows each."""
    chosen = arguments(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "weights.pt"
        torch.save(make_model().state_dict(), checkpoint)
        model = load_model(checkpoint) if chosen.cured else None
        for _ in range(chosen.requests):
            classify(torch.randn(64, 512), checkpoint, model)


if __name__ == "__main__":
    main()
