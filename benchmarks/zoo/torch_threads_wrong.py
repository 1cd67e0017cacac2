"""Somebody copied ``set_num_threads(16)`` from a large server to a small one."""

import argparse
import os

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "predict",
    "rule": "thread-oversubscription",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "threads": "own",
    "same_output": True,
}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(512, 512) for _ in range(12))

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x


def predict(model, rows):
    with torch.inference_mode():
        return model(rows).sum(0)  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="as many threads as cores")
    parser.add_argument("--requests", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(len(os.sched_getaffinity(0)) if args.cured else 16)
    rng = np.random.default_rng(0)
    model, clock = Net().eval(), Clock("compute")
    for _ in range(args.requests or (300 if args.cured else 100)):
        rows = torch.from_numpy(rng.standard_normal((256, 512), dtype=np.float32))
        clock.lap("preprocess")
        scores = predict(model, rows)
        clock.lap("compute")
        clock.done(int(scores.argmax()))
    clock.tell()


if __name__ == "__main__":
    main()
