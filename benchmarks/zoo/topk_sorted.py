"""The ten best of many items are found by sorting all of them as Python objects."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "postprocess",
    "function": "best_items",
    "rule": "cpu-postprocessing",
    "also": ["python-loops"],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}

ITEMS = 60_000


class Mean(nn.Module):
    def forward(self, x):
        return x.mean(0)


class Recommender:
    def __init__(self, cured):
        self.cured = cured
        layers = nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, ITEMS), Mean()
        self.users = nn.Sequential(*layers).eval()

    def scores(self, users):
        with torch.inference_mode():
            return self.users(users)

    def best_items(self, scores):
        if self.cured:
            return torch.topk(scores, 10).indices.tolist()
        pairs = [(score, item) for item, score in enumerate(scores.tolist())]  # planted
        return [item for _, item in sorted(pairs, key=lambda pair: -pair[0])[:10]]  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true")
    parser.add_argument("--requests", type=int, default=100)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    service = Recommender(args.cured)
    clock = Clock("postprocess")
    for _ in range(args.requests):
        users = torch.from_numpy(rng.standard_normal((12, 128), dtype=np.float32))
        clock.lap("preprocess")
        scores = service.scores(users)
        clock.lap("compute")
        best = service.best_items(scores)
        clock.lap("postprocess")
        clock.done(best)
    clock.tell()


if __name__ == "__main__":
    main()
