"""A recommender uploads the 300 features of a request one by one.

Wrong: each copy moves 768 bytes in no time, and costs 10 us to start.

EXPECT: small-copies.

Cure: put the features side by side in one buffer that was pinned once, copy that, and take it apart
on the GPU.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor

import infprof

EXPECT = "small-copies"

FEATURES, WIDTH = 300, 192


class OneByOne:
    """A copy for each feature."""

    def __call__(self, features: list[Tensor]) -> Tensor:
        """The features as one matrix on the GPU."""
        return torch.stack([one.to("cuda", non_blocking=True) for one in features])


class Packed:
    """One copy for all of them."""

    def __init__(self) -> None:
        self.buffer = torch.empty((FEATURES, WIDTH), pin_memory=True)

    def __call__(self, features: list[Tensor]) -> Tensor:
        """The features as one matrix on the GPU. The last request has read its result, so the
        buffer is free again."""
        torch.stack(features, out=self.buffer)
        return self.buffer.to("cuda", non_blocking=True)


@infprof.profile
@torch.inference_mode()
def recommend(upload: OneByOne | Packed, weights: Tensor, features: list[Tensor]) -> int:
    """What to show to a user."""
    with infprof.annotate("upload", stage="h2d"):
        table = upload(features)
    with infprof.annotate("score", stage="compute"):
        best = (table * weights).sum(0).argmax()
    with infprof.annotate("download", stage="d2h"):
        return int(best)


def main() -> None:
    """Serve requests of 300 features each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    torch.manual_seed(0)
    upload = Packed() if chosen.cured else OneByOne()
    weights = torch.randn(FEATURES, WIDTH, device="cuda")
    for _ in range(chosen.requests):
        recommend(upload, weights, list(torch.randn(FEATURES, WIDTH)))


if __name__ == "__main__":
    main()
