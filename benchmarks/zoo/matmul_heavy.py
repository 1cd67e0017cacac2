"""A large multi-layer perceptron over batches: all time is arithmetic, as it should be."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "predict",
    "rule": "",
    "also": [],
    "cured_stage": "compute",
    "healthy": True,
    "same_output": True,
}


def build():
    return nn.Sequential(
        nn.Linear(1024, 3072), nn.ReLU(), nn.Linear(3072, 3072), nn.ReLU(), nn.Linear(3072, 64)
    ).eval()


def load(rng):
    return rng.standard_normal((128, 1024), dtype=np.float32)


def predict(model, rows):
    with torch.inference_mode():
        return model(torch.from_numpy(rows)).argmax(1)  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="there is nothing to cure")
    parser.add_argument("--requests", type=int, default=120)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = build()
    clock = Clock("compute")
    for _ in range(args.requests):
        rows = load(rng)
        clock.lap("preprocess")
        classes = predict(model, rows)
        clock.lap("compute")
        clock.done(classes.tolist())
    clock.tell()


if __name__ == "__main__":
    main()
