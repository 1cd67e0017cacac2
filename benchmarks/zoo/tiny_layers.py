"""A deep and very thin network, called for one row at a time: hundreds of tiny operators."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "stage_also": ["python"],
    "function": "forward",
    "rule": "launch-bound-forward",
    "also": ["uncompiled-model", "single-item-batches"],
    "cured_stage": "compute",
    "healthy": False,
    "same_output": False,
}

WIDTH, DEPTH = 32, 200


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)
        self.scale = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x):
        return x + torch.tanh(self.linear(x) * self.scale)  # planted


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))

    def forward(self, x):
        for block in self.blocks:  # planted
            x = block(x)  # planted
        return x


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="512 rows in one call")
    parser.add_argument("--requests", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model, rows = Tower().eval(), 512 if args.cured else 1
    clock = Clock("model")
    for _ in range(args.requests or (140 if args.cured else 900)):
        x = torch.from_numpy(rng.standard_normal((rows, WIDTH), dtype=np.float32))
        clock.lap("preprocess")
        with torch.inference_mode():
            best = int(model(x)[0].argmax())
        clock.lap("model")
        clock.done(best)
    clock.tell()


if __name__ == "__main__":
    main()
