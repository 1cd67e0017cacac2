"""A request brings forty pictures, and a loop gives them to the model one by one."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "stage_also": ["python"],
    "function": "score_all",
    "rule": "single-item-batches",
    "also": ["launch-bound-forward"],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}

PICTURES, SIDE = 40, 32


def load_model():
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(3 * SIDE * SIDE, 1536),
        nn.ReLU(),
        nn.Linear(1536, 1024),
        nn.ReLU(),
        nn.Linear(1024, 2),
    ).eval()


@torch.inference_mode()
def score_all(model, pictures):
    found = []
    for picture in pictures:
        scores = model(picture.unsqueeze(0))  # planted
        found.append(scores.argmax(1).item())
    return found


@torch.inference_mode()
def score_at_once(model, pictures):
    return model(torch.stack(pictures)).argmax(1).tolist()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="stack the pictures")
    parser.add_argument("--requests", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model, clock = load_model(), Clock("compute")
    score = score_at_once if args.cured else score_all
    for _ in range(args.requests or (150 if args.cured else 100)):
        data = rng.standard_normal((PICTURES, 3, SIDE, SIDE), dtype=np.float32)
        pictures = [torch.from_numpy(one) for one in data]
        clock.lap("preprocess")
        found = score(model, pictures)
        clock.lap("compute")
        clock.done(sum(found))
    clock.tell()


if __name__ == "__main__":
    main()
