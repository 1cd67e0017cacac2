"""A batch job scores a table in large pieces, all written in one place. Healthy."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "<module>",
    "rule": "",
    "also": [],
    "cured_stage": "compute",
    "healthy": True,
    "same_output": True,
}

parser = argparse.ArgumentParser()
parser.add_argument("--cured", action="store_true", help="there is nothing to cure")
parser.add_argument("--requests", type=int, default=100)
args = parser.parse_args()

torch.manual_seed(0)
table = np.random.default_rng(0).standard_normal((256 * args.requests, 256), dtype=np.float32)

model = nn.Sequential(
    nn.Linear(256, 2048),
    nn.ReLU(),
    nn.Linear(2048, 2048),
    nn.ReLU(),
    nn.Linear(2048, 1),
)
model.eval()

clock = Clock("compute")
totals = []
with torch.inference_mode():
    for start in range(0, len(table), 256):
        batch = torch.from_numpy(table[start : start + 256])
        scores = model(batch)  # planted
        clock.lap("compute")
        totals.append(scores.squeeze(1).numpy())
        clock.done(int(scores.argmax()))
result = np.concatenate(totals)
clock.tell()
