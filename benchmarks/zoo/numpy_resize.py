"""Pictures are resized by hand with numpy, in double precision and at full size."""

import argparse

import numpy as np
import torch
from _truth import Clock
from PIL import Image
from torch import nn

ZOO = {
    "stage": "preprocess",
    "function": "resize",
    "rule": "",
    "also": ["cpu-image-decode", "idle-cores"],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": False,
}

SIZE = 128
NEIGHBOURS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]


def load(rng):
    return np.repeat(rng.integers(0, 256, (120, 160, 3), dtype=np.uint8), 6, axis=0).repeat(
        6, axis=1
    )


def resize(picture):
    sharp = picture.astype(np.float64)
    smooth = np.zeros_like(sharp)
    for dy, dx in NEIGHBOURS:
        smooth += np.roll(sharp, (dy, dx), (0, 1)) / len(NEIGHBOURS)  # planted
    rows = np.linspace(0, len(smooth) - 1, SIZE).astype(int)
    columns = np.linspace(0, len(smooth[0]) - 1, SIZE).astype(int)
    return smooth[rows][:, columns] / 255


def resize_by_library(picture):
    small = Image.fromarray(picture).resize((SIZE, SIZE), Image.Resampling.BOX, reducing_gap=1.0)
    return np.asarray(small) / 255


def predict(model, pixels):
    batch = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        return model(batch).argmax(1).item()


def serve(model, picture, shrink, clock):
    pixels = shrink(picture)
    clock.lap("preprocess")
    answer = predict(model, pixels)
    clock.lap("compute")
    return answer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true")
    parser.add_argument("--requests", type=int, default=50)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    pictures = [load(rng) for _ in range(args.requests)]
    model = nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, 128, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(128, 10),
    ).eval()
    clock = Clock("preprocess")
    for picture in pictures:
        clock.done(serve(model, picture, resize_by_library if args.cured else resize, clock))
    clock.tell()


if __name__ == "__main__":
    main()
