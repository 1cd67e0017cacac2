"""A service was started with one thread for torch, a leftover, while other cores stand idle."""

import argparse
import os

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "predict",
    "rule": "idle-cores",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "threads": "own",
    "same_output": True,
}


def build():
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, 128, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(128, 128, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(128, 10),
    ).eval()


def predict(model, pictures):
    with torch.inference_mode():
        return model(pictures).argmax(1).tolist()  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="one thread for each core")
    parser.add_argument("--requests", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(len(os.sched_getaffinity(0)) if args.cured else 1)
    rng = np.random.default_rng(0)
    model, clock = build(), Clock("compute")
    for _ in range(args.requests or (90 if args.cured else 60)):
        pictures = torch.from_numpy(rng.standard_normal((2, 3, 160, 160), dtype=np.float32))
        clock.lap("preprocess")
        classes = predict(model, pictures)
        clock.lap("compute")
        clock.done(classes)
    clock.tell()


if __name__ == "__main__":
    main()
