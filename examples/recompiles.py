"""A text classifier is compiled anew for each length that comes along.

Wrong: ``dynamic=False`` makes code for one length only, and a raised limit lets the compiler go on
for ever. Each new length fails a guard, and its request waits for a compilation.

EXPECT: recompiles.

Cure: compile for any length, before the first request. The backend here needs no C++ compiler; with
the default one each compilation takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from shared import arguments
from torch import Tensor, nn

import infprof

EXPECT = "recompiles"

BACKEND, WORDS, WIDTH, CLASSES = "aot_eager", 1000, 1024, 5
SHORTEST = 8


class Classifier(nn.Module):
    """What a text is about, by the mean of what each of its words says."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.layers = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, CLASSES))

    def forward(self, text: Tensor) -> Tensor:
        """The scores of a text."""
        scores: Tensor = self.layers(self.words(text)).mean(0)
        return scores


@infprof.profile
@torch.inference_mode()
def classify(model: Callable[[Tensor], Tensor], text: Tensor) -> int:
    """What a text is about."""
    with infprof.annotate("model", stage="compute"):
        return int(model(text).argmax())


def main() -> None:
    """Serve texts of ever other lengths."""
    chosen = arguments(__doc__)
    torch.manual_seed(0)
    torch._dynamo.config.recompile_limit = 1000
    model = torch.compile(Classifier().eval(), backend=BACKEND, dynamic=chosen.cured)
    for turn in range(chosen.requests):
        classify(model, torch.randint(WORDS, (SHORTEST + turn,)))


if __name__ == "__main__":
    main()
