"""A handler copies the model for each request, so that requests cannot disturb each other."""

import argparse
import copy

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "python",
    "stage_also": ["preprocess"],
    "function": "handle",
    "rule": "per-request-setup",
    "also": ["reloaded-model"],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(45_000, 256)
        self.body = nn.GRU(256, 256, batch_first=True)
        self.head = nn.Linear(256, 9)

    def forward(self, ids):
        return self.head(self.body(self.embed(ids))[0])


class Handler:
    def __init__(self, cured):
        self.model, self.cured = Tagger().eval(), cured

    def handle(self, ids, clock):
        model = self.model if self.cured else copy.deepcopy(self.model)  # planted
        clock.lap("copying")
        with torch.inference_mode():
            tags = model(ids).argmax(-1)
        clock.lap("compute")
        return tags[0, :8].tolist()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="share one model")
    parser.add_argument("--requests", type=int, default=250)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    handler = Handler(args.cured)
    clock = Clock("copying")
    for _ in range(args.requests):
        ids = torch.from_numpy(rng.integers(0, 30_000, (4, 48)))
        clock.lap("input")
        clock.done(handler.handle(ids, clock))
    clock.tell()


if __name__ == "__main__":
    main()
