"""The first request compiles the model, and all others are quick: a cold start. Healthy."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "score",
    "rule": "",
    "also": [],
    "cured_stage": "compute",
    "healthy": True,
    "same_output": True,
}


class Ranker(nn.Module):
    def __init__(self):
        super().__init__()
        self.items = nn.Embedding(5000, 256)
        self.body = nn.Sequential(nn.Linear(512, 1024), nn.ReLU(), nn.Linear(1024, 512), nn.ReLU())
        self.head = nn.Linear(512, 1)

    def forward(self, user, items):
        seen = self.items(items)
        both = torch.cat([seen, user[:, None].expand_as(seen)], dim=-1)
        return self.head(self.body(both))[..., 0]


@torch.inference_mode()
def score(model, user, items):
    return model(user, items)  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="there is nothing to cure")
    parser.add_argument("--requests", type=int, default=150)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model, clock = torch.compile(Ranker().eval(), backend="aot_eager"), Clock("compute")
    for _ in range(args.requests):
        user = torch.from_numpy(rng.standard_normal((1, 256), dtype=np.float32))
        items = torch.from_numpy(rng.integers(0, 5000, (1, 256)))
        clock.lap("preprocess")
        scores = score(model, user, items)
        clock.lap("compute")
        clock.done(scores.argmax(1).item())
    clock.tell()


if __name__ == "__main__":
    main()
