"""A model is served in float16 on a CPU that has no instructions for it."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "predict",
    "rule": "unsupported-dtype",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": False,
}


def predict(model, rows):
    with torch.inference_mode():
        return model(rows)  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="in float32")
    parser.add_argument("--requests", type=int, default=80)
    args = parser.parse_args()
    torch.manual_seed(0)
    kind = torch.float32 if args.cured else torch.float16
    layers = [nn.Linear(768, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(1024, 100)).eval().to(kind)
    rng = np.random.default_rng(0)
    clock = Clock("compute")
    for _ in range(args.requests):
        rows = torch.from_numpy(rng.standard_normal((128, 768), dtype=np.float32)).to(kind)
        clock.lap("preprocess")
        scores = predict(model, rows)
        clock.lap("compute")
        clock.done(int(scores[0].argmax()))
    clock.tell()


if __name__ == "__main__":
    main()
