"""A batch job loads each batch on the thread that runs the model.

Wrong: ``DataLoader(num_workers=0)``, the default. Reading and resizing the next pictures starts
when the model is done with the last ones, and the model waits for them.

EXPECT: serial-dataloader.

Cure: a worker process, started once and kept, that loads ahead while the model works. Here the
machine gives one core to the model and one to the loader, in both cases.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from shared import arguments
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import infprof

EXPECT = "serial-dataloader"

BATCH = 4


class Pictures(Dataset[Tensor]):
    """Uncompressed pictures of 1280 x 960, resized and normalised when they are asked for."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.raw = np.random.default_rng(0).integers(0, 256, (4, 960, 1280, 3), dtype=np.uint8)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Tensor:
        image = Image.fromarray(self.raw[index % len(self.raw)])
        small = np.array(image.resize((128, 128), Image.Resampling.BILINEAR), np.float32)
        return torch.from_numpy((small / 255 - 0.45) / 0.23).permute(2, 0, 1)


@infprof.profile
@torch.inference_mode()
def classify(model: nn.Module, batches: Iterator[Tensor]) -> list[int]:
    """The classes of the next batch. The wait for it is marked by torch itself."""
    batch = next(batches)
    with infprof.annotate("model", stage="compute"):
        classes: list[int] = model(batch).argmax(1).tolist()
    return classes


def main() -> None:
    """Work through as many batches as asked for."""
    chosen = arguments(__doc__)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2), nn.ReLU(), nn.Conv2d(64, 128, 5, 2), nn.ReLU(),
        nn.Conv2d(128, 128, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10),
    ).eval()  # fmt: skip
    ahead = {"num_workers": 1, "persistent_workers": True, "prefetch_factor": 4}
    loader = DataLoader(
        Pictures(BATCH * chosen.requests),
        BATCH,
        **(ahead if chosen.cured else {}),  # type: ignore[arg-type]
    )
    batches = iter(loader)
    for _ in range(chosen.requests):
        classify(model, batches)


if __name__ == "__main__":
    main()
