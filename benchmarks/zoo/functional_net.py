"""A network without a class: a dictionary of weights and functions. Healthy."""

import argparse

import numpy as np
import torch
import torch.nn.functional as F
from _truth import Clock

ZOO = {
    "stage": "compute",
    "function": "forward",
    "rule": "",
    "options": ["--call", "__main__:forward"],
    "also": [],
    "cured_stage": "compute",
    "healthy": True,
    "same_output": True,
}


def init(sizes):
    pairs = zip(sizes, sizes[1:], strict=False)
    return {
        i: (torch.randn(out, into) / into**0.5, torch.zeros(out))
        for i, (into, out) in enumerate(pairs)
    }


def forward(weights, x):
    for weight, bias in list(weights.values())[:-1]:
        x = F.relu(F.linear(x, weight, bias))  # planted
    weight, bias = weights[len(weights) - 1]
    return F.linear(x, weight, bias)


def load(rng):
    return torch.from_numpy(rng.standard_normal((96, 512), dtype=np.float32))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="there is nothing to cure")
    parser.add_argument("--requests", type=int, default=170)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    weights = init([512, 2560, 2560, 2560, 16])
    clock = Clock("compute")
    with torch.inference_mode():
        for _ in range(args.requests):
            batch = load(rng)
            clock.lap("preprocess")
            scores = forward(weights, batch)
            clock.lap("compute")
            clock.done(scores.argmax(1).tolist())
    clock.tell()


if __name__ == "__main__":
    main()
