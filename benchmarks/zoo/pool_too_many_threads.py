"""Four request threads, each of which lets torch use four threads, on a machine with few cores."""

import argparse
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "stage_also": ["queue", "python"],
    "function": "handle",
    "rule": "thread-oversubscription",
    "also": [],
    "cured_stage": "compute",
    "cured_stage_also": ["queue"],
    "healthy": False,
    "threads": "own",
    "same_output": True,
}


def build():
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(),
        nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(64, 10),
    ).eval()  # fmt: skip


def handle(model, number, clock):
    clock.begin()
    pixels = np.random.default_rng(number).standard_normal((1, 3, 128, 128), dtype=np.float32)
    with torch.inference_mode():
        scores = model(torch.from_numpy(pixels))  # planted
    clock.done((number, int(scores.argmax())))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="as many threads in all as cores")
    parser.add_argument("--requests", type=int, default=250)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1 if args.cured else 4)
    model, clock = build(), Clock(None)
    with ThreadPoolExecutor(2 if args.cured else 4) as pool:
        for _ in pool.map(lambda number: handle(model, number, clock), range(args.requests)):
            pass
    clock.tell()


if __name__ == "__main__":
    main()
