"""A video monitor uploads 50 MB of frames per request from ordinary memory.

Wrong: the GPU can read pinned memory only. From pageable memory the driver copies the bytes into a
buffer of its own first, piece by piece, on the thread that serves the request.

EXPECT: pageable-copies.

Cure: collect the frames in one of two buffers that were pinned once, and copy without blocking.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor

import infprof

EXPECT = "pageable-copies"

FRAMES, HEIGHT, WIDTH = 64, 512, 512


class Upload:
    """Frames on their way to the GPU."""

    def __init__(self, *, pinned: bool) -> None:
        shape = (FRAMES, 3, HEIGHT, WIDTH)
        self.ring = [torch.empty(shape, dtype=torch.uint8, pin_memory=pinned) for _ in range(2)]
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
def brightest(upload: Upload, turn: int, frames: list[Tensor]) -> int:
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
    upload = Upload(pinned=chosen.cured)
    frames = [torch.randint(0, 256, (3, HEIGHT, WIDTH), dtype=torch.uint8) for _ in range(FRAMES)]
    for turn in range(chosen.requests):
        brightest(upload, turn, frames)


if __name__ == "__main__":
    main()
