"""A service keeps the scores of every request in a list, for statistics that nobody reads."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "handle",
    "rule": "memory-growth",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
    "has_place": False,
}


class Service:
    def __init__(self, cured):
        self.cured = cured
        layers = [nn.Linear(256, 2048), nn.ReLU(), nn.Linear(2048, 2048), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.Linear(2048, 1000)).eval()
        self.history = []

    @torch.inference_mode()
    def handle(self, rows):
        scores = self.model(torch.from_numpy(rows))
        best = scores.argmax(1).tolist()
        self.history.append(best if self.cured else scores)  # planted
        return best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="only the classes are kept")
    parser.add_argument("--requests", type=int, default=320)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    service, clock = Service(args.cured), Clock(None)
    for _ in range(args.requests):
        rows = rng.standard_normal((320, 256), dtype=np.float32)
        clock.lap("preprocess")
        best = service.handle(rows)
        clock.lap("compute")
        clock.done(best[0])
    clock.tell()


if __name__ == "__main__":
    main()
