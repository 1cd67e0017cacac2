"""A video monitor heard that pinned memory is quicker, and pins each request's 50 MB of frames.

Wrong: ``x.pin_memory()`` copies all bytes into pinned memory on the thread that serves, before they
are copied to the GPU. Two copies are no quicker than the one that the driver stages itself.

EXPECT: pageable-copies.

Cure: two buffers pinned once, into which the frames are collected.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor

import infprof

EXPECT = "pageable-copies"

FRAMES, HEIGHT, WIDTH = 64, 512, 512
SHAPE = (FRAMES, 3, HEIGHT, WIDTH)


class PinnedAnew:
    """Frames on their way to the GPU, through memory that is pinned for them."""

    def __init__(self) -> None:
        self.batch = torch.empty(SHAPE, dtype=torch.uint8)

    def __call__(self, turn: int, frames: list[Tensor]) -> Tensor:
        """The frames as one batch on the GPU."""
        with infprof.annotate("collect frames", stage="preprocess"):
            torch.stack(frames, out=self.batch)
        with infprof.annotate("upload", stage="h2d"):
            return self.batch.pin_memory().to("cuda", non_blocking=True)


class PinnedOnce:
    """Frames on their way to the GPU, through one of two buffers."""

    def __init__(self) -> None:
        self.ring = [torch.empty(SHAPE, dtype=torch.uint8, pin_memory=True) for _ in range(2)]
        self.copied = [torch.cuda.Event() for _ in self.ring]  # type: ignore[no-untyped-call]

    def __call__(self, turn: int, frames: list[Tensor]) -> Tensor:
        """The frames as one batch on the GPU."""
        slot = turn % len(self.ring)
        self.copied[slot].synchronize()  # the last copy out of this buffer is done
        with infprof.annotate("collect frames", stage="preprocess"):
            torch.stack(frames, out=self.ring[slot])
        with infprof.annotate("upload", stage="h2d"):
            batch = self.ring[slot].to("cuda", non_blocking=True)
        self.copied[slot].record()
        return batch


@infprof.profile
@torch.inference_mode()
def brightest(upload: PinnedAnew | PinnedOnce, turn: int, frames: list[Tensor]) -> int:
    """The frame with most light in it."""
    batch = upload(turn, frames)
    with infprof.annotate("brightness", stage="compute"):
        light = batch.view(FRAMES, -1).sum(1, dtype=torch.int64)
    with infprof.annotate("download", stage="d2h"):
        return int(light.argmax())


def main() -> None:
    """Serve requests of 64 frames each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    upload = PinnedOnce() if chosen.cured else PinnedAnew()
    frames = [torch.randint(0, 256, SHAPE[1:], dtype=torch.uint8) for _ in range(FRAMES)]
    for turn in range(chosen.requests):
        brightest(upload, turn, frames)


if __name__ == "__main__":
    main()
