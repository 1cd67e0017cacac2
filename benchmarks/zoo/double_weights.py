"""A model got its weights from numpy, and with them double precision."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "predict",
    "rule": "full-precision-compute",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}

WIDTH = 1536


def load_weights(model, rng):
    for layer in model:
        if isinstance(layer, nn.Linear):
            shape = tuple(layer.weight.shape)
            layer.weight.data = torch.from_numpy(rng.standard_normal(shape) / np.sqrt(shape[1]))
            layer.bias.data = torch.from_numpy(rng.standard_normal(shape[0]))
    return model.eval()


def predict(model, rows):
    with torch.inference_mode():
        return int(model(rows).sum(0).argmax())  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="compute in single precision")
    parser.add_argument("--requests", type=int, default=130)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 32)
    )
    kind = torch.float32 if args.cured else torch.float64
    model = load_weights(model, rng).to(kind)
    clock = Clock("compute")
    for _ in range(args.requests):
        rows = torch.from_numpy(rng.standard_normal((160, WIDTH), dtype=np.float32)).to(kind)
        clock.lap("preprocess")
        best = predict(model, rows)
        clock.lap("compute")
        clock.done(best)
    clock.tell()


if __name__ == "__main__":
    main()
