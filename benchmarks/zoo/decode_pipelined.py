"""Photos are decoded on a thread, one ahead of the model, which never waits. Healthy."""

import argparse
import io
import queue
import threading

import numpy as np
import torch
from _truth import Clock
from PIL import Image
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "main",
    "rule": "",
    "also": [],
    "cured_stage": "compute",
    "healthy": True,
    "same_output": True,
}


def photo(seed):
    rng = np.random.default_rng(seed)
    rough = Image.fromarray(rng.integers(0, 256, (15, 20, 3), dtype=np.uint8))
    out = io.BytesIO()
    rough.resize((640, 480), Image.Resampling.BICUBIC).save(out, "JPEG")
    return out.getvalue()


def decode(data):
    image = Image.open(io.BytesIO(data)).convert("RGB").resize((128, 128))
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


def decode_all(photos, decoded):
    for data in photos:
        decoded.put(decode(data))
    decoded.put(None)


def build():
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, 128, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(128, 128, 3, 1, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(128, 10),
    ).eval()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="there is nothing to cure")
    parser.add_argument("--requests", type=int, default=140)
    args = parser.parse_args()
    torch.manual_seed(0)
    model, decoded = build(), queue.Queue(maxsize=4)
    photos = [photo(seed) for seed in range(args.requests)]
    threading.Thread(target=decode_all, args=(photos, decoded), daemon=True).start()
    clock = Clock("compute")
    while (pixels := decoded.get()) is not None:
        clock.lap("queue")
        with torch.inference_mode():
            scores = model(pixels)  # planted
        clock.lap("compute")
        clock.done(int(scores.argmax()))
    clock.tell()


if __name__ == "__main__":
    main()
