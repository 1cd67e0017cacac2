"""What all examples share: their flags, pictures to work on, and leaving politely without a GPU."""

from __future__ import annotations

import argparse
import sys

import numpy as np
import torch
from PIL import Image


def arguments(about: str | None, requests: int = 40) -> argparse.Namespace:
    """``--requests N`` and ``--cured``; the help is the first line of the example's docstring."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=requests, help="how many to serve")
    parser.add_argument("--cured", action="store_true", help="serve them the right way")
    return parser.parse_args()


def leave_without_gpu() -> None:
    """End the program with one plain sentence where there is no GPU to show this on."""
    if not torch.cuda.is_available():
        print("This example needs an NVIDIA GPU, and torch sees none here.")
        sys.exit()


def photo(width: int, height: int, seed: int) -> Image.Image:
    """A picture with the smooth areas and the fine grain of a photo, so that JPEG works as hard."""
    random = np.random.default_rng(seed)
    rough = random.integers(0, 256, (height // 64 + 1, width // 64 + 1, 3), dtype=np.uint8)
    smooth = Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC)
    tile = random.normal(0, 6, (256, 256, 1)).astype(np.float32)
    grain = np.tile(tile, (height // 256 + 1, width // 256 + 1, 1))[:height, :width]
    return Image.fromarray(np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8))
