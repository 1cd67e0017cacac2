"""A service that keeps what it has seen in a tensor, and makes that longer at every step.

Wrong: `torch.cat` allocates the longer tensor and copies all rows seen so far, to add a single one.

EXPECT: tensor-copies.

Cure: keep the longest tensor, here the model's own output, and look at a slice of it.
"""

from __future__ import annotations

import torch
from shared import arguments
from torch import Tensor, nn

import infprof

EXPECT = "tensor-copies"
STEPS, WIDTH = 96, 16384


def grown(states: Tensor) -> Tensor:
    """How much each state is like all those before it; that of the last is returned."""
    seen, likeness = torch.empty(0, WIDTH), list[Tensor]()
    for state in states:
        seen = torch.cat([seen, state[None]])
        likeness.append(seen @ state)
    return likeness[-1]


def viewed(states: Tensor) -> Tensor:
    """The same."""
    likeness: list[Tensor] = [states[: step + 1] @ state for step, state in enumerate(states)]
    return likeness[-1]


@infprof.profile
@torch.inference_mode()
def answer(model: nn.Module, steps: Tensor, *, in_place: bool) -> int:
    """The step that is most like the last."""
    with infprof.annotate("decode", stage="compute"):
        states = model(steps)
        likeness = viewed(states) if in_place else grown(states)
    with infprof.annotate("choose", stage="postprocess"):
        return int(likeness[:-1].argmax())


def main() -> None:
    """Serve requests of 96 steps each."""
    chosen = arguments(__doc__)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, WIDTH)).eval()
    for _ in range(chosen.requests):
        answer(model, torch.randn(STEPS, 64), in_place=chosen.cured)


if __name__ == "__main__":
    main()
