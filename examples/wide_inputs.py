"""A picture service makes floats of its pictures before it uploads them.

Wrong: the decoder gives 8 bits per channel. Cast on the CPU, 64 pictures are 154 MB instead of 39,
and the cast takes longer than the GPU needs for everything it does.

EXPECT: wide-inputs.

Cure: upload the bytes, and cast on the GPU.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor

import infprof

EXPECT = "wide-inputs"

PICTURES, HEIGHT, WIDTH = 64, 448, 448


class Upload:
    """Pictures on their way to the GPU, through buffers that were pinned once."""

    def __init__(self, *, as_bytes: bool) -> None:
        shape = (PICTURES, HEIGHT, WIDTH, 3)
        self.buffer = torch.empty(
            shape, dtype=torch.uint8 if as_bytes else torch.float32, pin_memory=True
        )

    def __call__(self, pictures: Tensor) -> Tensor:
        """The pictures as floats on the GPU. The last request has read its result, so the buffer is
        free again."""
        with infprof.annotate("collect", stage="preprocess"):
            self.buffer.copy_(pictures)
        with infprof.annotate("upload", stage="h2d"):
            return self.buffer.to("cuda", non_blocking=True).float()


@infprof.profile
@torch.inference_mode()
def brightest(upload: Upload, pictures: Tensor) -> int:
    """The picture with most light in it."""
    batch = upload(pictures)
    with infprof.annotate("brightness", stage="compute"):
        light = batch.div_(255).flatten(1).mean(1)
    with infprof.annotate("download", stage="d2h"):
        return int(light.argmax())


def main() -> None:
    """Serve requests of 64 pictures each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    upload = Upload(as_bytes=chosen.cured)
    pictures = torch.randint(0, 256, (PICTURES, HEIGHT, WIDTH, 3), dtype=torch.uint8)
    for _ in range(chosen.requests):
        brightest(upload, pictures)


if __name__ == "__main__":
    main()
