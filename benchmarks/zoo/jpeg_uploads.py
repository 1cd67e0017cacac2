"""An image service decodes large photos and shrinks them for a small model."""

import argparse
import io

import numpy as np
import torch
from _truth import Clock
from PIL import Image
from torch import nn

ZOO = {
    "stage": "preprocess",
    "function": "decode",
    "rule": "cpu-image-decode",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": False,
}

MEAN, STD = np.float32(0.45), np.float32(0.23)


def upload(width, height, seed):
    rng = np.random.default_rng(seed)
    rough = Image.fromarray(rng.integers(0, 256, (height // 32, width // 32, 3), dtype=np.uint8))
    out = io.BytesIO()
    rough.resize((width, height), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
    return out.getvalue()


def decode(data):
    return Image.open(io.BytesIO(data)).convert("RGB")  # planted


def prepare(image, number):
    shifted = image.crop((number % 16, number // 16, image.width, image.height))
    small = np.asarray(shifted.resize((160, 160)), dtype=np.float32) / 255
    return torch.from_numpy((small - MEAN) / STD).permute(2, 0, 1).unsqueeze(0)


def predict(model, picture):
    with torch.inference_mode():
        return model(picture).softmax(-1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="uploads are made small beforehand")
    parser.add_argument("--requests", type=int, default=80)
    args = parser.parse_args()
    torch.manual_seed(0)
    size = (256, 192) if args.cured else (2400, 1800)
    photos = [upload(*size, seed) for seed in range(4)]
    model = nn.Sequential(
        nn.Conv2d(3, 48, 5, stride=2),
        nn.ReLU(),
        nn.Conv2d(48, 96, 3),
        nn.ReLU(),
        nn.Conv2d(96, 128, 3, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(128, 100),
    ).eval()
    clock = Clock("preprocess")
    for number in range(args.requests):
        picture = prepare(decode(photos[number % len(photos)]), number)
        clock.lap("preprocess")
        scores = predict(model, picture)
        clock.lap("compute")
        clock.done(int(scores.argmax()))
    clock.tell()


if __name__ == "__main__":
    main()
