"""A network whose activation is written out by hand, one pass through memory for each sign."""

import argparse
import math

import numpy as np
import torch
import torch.nn.functional as F
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "gelu",
    "rule": "uncompiled-model",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "same_output": True,
}


def gelu(x):
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)  # planted
    return 0.5 * x * (1 + torch.tanh(inner))  # planted


def fused_gelu(x):
    return F.gelu(x, approximate="tanh")


class Mixer(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.activation = activation
        self.up = nn.ModuleList(nn.Linear(256, 1024) for _ in range(3))
        self.down = nn.ModuleList(nn.Linear(1024, 256) for _ in range(3))

    def forward(self, x):
        for up, down in zip(self.up, self.down, strict=True):
            x = x + down(self.activation(up(x)))
        return x


def predict(model, rows):
    with torch.inference_mode():
        return model(rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="one fused operator instead")
    parser.add_argument("--requests", type=int, default=130)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = Mixer(fused_gelu if args.cured else gelu).eval()
    clock = Clock("compute")
    for _ in range(args.requests):
        rows = torch.from_numpy(rng.standard_normal((768, 256), dtype=np.float32))
        clock.lap("preprocess")
        result = predict(model, rows)
        clock.lap("compute")
        clock.done(int(result.sum(0).argmax()))
    clock.tell()


if __name__ == "__main__":
    main()
