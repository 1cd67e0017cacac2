"""A small convolutional network at a steady pace, with light work around it. Healthy."""

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


def conv(into, out, stride=1):
    return nn.Sequential(nn.Conv2d(into, out, 3, stride, 1), nn.ReLU(inplace=True))


class SmallNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            conv(3, 32, 2), conv(32, 64), conv(64, 128, 2), conv(128, 128)
        )
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


def load(rng):
    return rng.integers(0, 256, (2, 3, 128, 128), dtype=np.uint8)


def prepare(pictures):
    return torch.from_numpy(pictures).float().div_(255)


@torch.inference_mode()
def predict(model, batch):
    return model(batch)  # planted


def show(scores):
    values, classes = scores.softmax(-1).max(-1)
    return [
        {"class": int(one), "sure": float(sure) > 0.5}
        for one, sure in zip(classes, values, strict=True)
    ]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="there is nothing to cure")
    parser.add_argument("--requests", type=int, default=200)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = SmallNet().eval()
    clock = Clock("compute")
    for _ in range(args.requests):
        batch = prepare(load(rng))
        clock.lap("preprocess")
        scores = predict(model, batch)
        clock.lap("compute")
        shown = show(scores)
        clock.lap("postprocess")
        clock.done(shown)
    clock.tell()


if __name__ == "__main__":
    main()
