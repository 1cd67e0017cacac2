"""A service explains its answers by gradients of the input, so autograd is on. Healthy."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "explain",
    "rule": "",
    "also": [],
    "cured_stage": "compute",
    "healthy": True,
    "same_output": True,
}


class Service:
    def __init__(self):
        self.model = nn.Sequential(
            nn.Conv2d(3, 32, 5, stride=2),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(1024, 20),
        ).eval()
        self.model.requires_grad_(False)

    def explain(self, picture):
        picture.requires_grad_()
        scores = self.model(picture)  # planted
        best = scores.argmax(1)
        scores[0, best].backward()  # planted
        return best.item(), picture.grad.abs().amax(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="there is nothing to cure")
    parser.add_argument("--requests", type=int, default=110)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    service, clock = Service(), Clock("compute")
    for _ in range(args.requests):
        picture = torch.from_numpy(rng.standard_normal((1, 3, 224, 224), dtype=np.float32))
        clock.lap("preprocess")
        label, saliency = service.explain(picture)
        clock.lap("compute")
        clock.done((label, tuple(saliency.shape)))
    clock.tell()


if __name__ == "__main__":
    main()
