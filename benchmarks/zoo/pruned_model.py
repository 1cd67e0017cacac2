"""A model was pruned by nine tenths to make it faster, and its masks are still applied."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn
from torch.nn.utils import prune

ZOO = {
    "stage": "compute",
    "function": "classify",
    "rule": "pruning-masks",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}

FEATURES = 640


def load_model(cured):
    sizes = [FEATURES, 2560, 1280, 640]
    layers = [
        part
        for before, after in zip(sizes, sizes[1:], strict=False)
        for part in (nn.Linear(before, after), nn.ReLU())
    ]
    model = nn.Sequential(*layers, nn.Linear(sizes[-1], 20)).eval()
    for layer in model:
        if isinstance(layer, nn.Linear):
            prune.l1_unstructured(layer, "weight", amount=0.9)
            if cured:
                prune.remove(layer, "weight")
    return model


@torch.inference_mode()
def classify(model, rows):
    return model(rows).argmax(-1)  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="write the zeros into the weights")
    parser.add_argument("--requests", type=int, default=220)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model, clock = load_model(args.cured), Clock("compute")
    for _ in range(args.requests):
        rows = torch.from_numpy(rng.standard_normal((16, FEATURES), dtype=np.float32))
        clock.lap("preprocess")
        classes = classify(model, rows)
        clock.lap("compute")
        clock.done(classes.tolist())
    clock.tell()


if __name__ == "__main__":
    main()
