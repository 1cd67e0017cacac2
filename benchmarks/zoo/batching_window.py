"""A batcher waits a fixed 40 ms for company before each batch, though nobody else comes."""

import argparse
import time
from collections import deque

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "python",
    "stage_also": ["queue", "preprocess"],
    "function": "collect",
    "rule": "polling-waits",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}

WINDOW, LARGEST = 0.04, 8


class Batcher:
    def __init__(self, model, window):
        self.model, self.window, self.waiting = model, window, deque()

    def collect(self):
        if self.window and len(self.waiting) < LARGEST:
            time.sleep(self.window)  # planted
        return [self.waiting.popleft() for _ in range(min(LARGEST, len(self.waiting)))]

    def predict(self, batch):
        with torch.inference_mode():
            return self.model(batch)

    def step(self, clock):
        rows = self.collect()
        clock.lap("window")
        batch = torch.from_numpy(np.concatenate(rows))
        clock.lap("batch")
        scores = self.predict(batch)
        clock.lap("compute")
        return int(scores.sum(0).argmax())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="start when the model is free")
    parser.add_argument("--requests", type=int, default=100)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(768, 2048), nn.ReLU(), nn.Linear(2048, 1024)).eval()
    batcher = Batcher(model, 0 if args.cured else WINDOW)
    clock = Clock("window")
    for _ in range(args.requests):
        batcher.waiting.append(rng.standard_normal((128, 768), dtype=np.float32))
        clock.lap("arrival")
        clock.done(batcher.step(clock))
    clock.tell()


if __name__ == "__main__":
    main()
