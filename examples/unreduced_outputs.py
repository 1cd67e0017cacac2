"""A language model's scores for a whole prompt travel to the host, which needs one word.

Wrong: 256 positions of 128,000 scores are 66 MB, and only the largest of the last ones counts.

EXPECT: unreduced-outputs.

Cure: ``argmax`` of the last position on the GPU, and a copy of 8 bytes.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn

import infprof

EXPECT = "unreduced-outputs"

POSITIONS, WIDTH, WORDS = 256, 2048, 128_000


@infprof.profile
@torch.inference_mode()
def next_word(head: nn.Module, states: Tensor, *, on_gpu: bool) -> int:
    """The most likely word after a prompt."""
    with infprof.annotate("scores", stage="compute"):
        scores = head(states)
        seen = scores[-1].argmax() if on_gpu else scores
    with infprof.annotate("download", stage="d2h"):
        copied = seen.cpu()
    with infprof.annotate("choose", stage="postprocess"):
        return int(copied if on_gpu else copied[-1].argmax())


def main() -> None:
    """Serve prompts of 256 positions each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    torch.manual_seed(0)
    head = nn.Linear(WIDTH, WORDS, bias=False).to("cuda", torch.bfloat16).eval()
    states = torch.randn(POSITIONS, WIDTH, device="cuda", dtype=torch.bfloat16)
    for _ in range(chosen.requests):
        next_word(head, states, on_gpu=chosen.cured)


if __name__ == "__main__":
    main()
