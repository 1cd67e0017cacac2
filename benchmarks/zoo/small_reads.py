"""Each request reads a small local file, which costs next to nothing. Healthy."""

import argparse
import json
import os
import tempfile

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


def write_requests(folder, count):
    rng = np.random.default_rng(0)
    for number in range(count):
        with open(os.path.join(folder, f"{number}.json"), "w") as out:
            json.dump({"seed": int(rng.integers(1 << 30)), "weights": rng.random(64).tolist()}, out)


def load(folder, number):
    with open(os.path.join(folder, f"{number}.json")) as stream:
        return json.load(stream)


def prepare(request):
    rows = np.random.default_rng(request["seed"]).random((192, 64), dtype=np.float32)
    return torch.from_numpy(rows * np.array(request["weights"], dtype=np.float32))


def score(model, rows):
    with torch.inference_mode():
        return model(rows)  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="there is nothing to cure")
    parser.add_argument("--requests", type=int, default=120)
    args = parser.parse_args()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 2560), nn.ReLU(), nn.Linear(2560, 2560)).eval()
    clock = Clock("compute")
    with tempfile.TemporaryDirectory() as folder:
        write_requests(folder, args.requests)
        for number in range(args.requests):
            rows = prepare(load(folder, number))
            clock.lap("load and prepare")
            scores = score(model, rows)
            clock.lap("compute")
            clock.done(scores.argmax(1)[:8].tolist())
    clock.tell()


if __name__ == "__main__":
    main()
