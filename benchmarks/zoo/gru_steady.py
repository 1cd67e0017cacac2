"""A recurrent network labels time series. Healthy."""

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


class Labeller(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.GRU(32, 256, batch_first=True)
        self.head = nn.Linear(256, 6)

    def forward(self, x):
        return self.head(self.body(x)[0][:, -1])


def prepare(series):
    return torch.from_numpy((series - series.mean()) / series.std())


def predict(model, batch):
    with torch.inference_mode():
        return model(batch)  # planted


def handle(model, series, clock):
    batch = prepare(series)
    clock.lap("preprocess")
    scores = predict(model, batch)
    clock.lap("compute")
    return scores.argmax(1).tolist()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="there is nothing to cure")
    parser.add_argument("--requests", type=int, default=160)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model, clock = Labeller().eval(), Clock("compute")
    inputs = rng.standard_normal((args.requests, 32, 64, 32), dtype=np.float32)
    for series in inputs:
        clock.done(handle(model, series, clock))
    clock.tell()


if __name__ == "__main__":
    main()
