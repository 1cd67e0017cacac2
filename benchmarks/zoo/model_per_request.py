"""A handler builds its model and reads the checkpoint before each answer."""

import argparse
import os
import tempfile

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "python",
    "stage_also": ["preprocess", "io"],
    "function": "load_model",
    "rule": "reloaded-model",
    "also": ["per-request-setup"],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}


def build():
    return nn.Sequential(
        nn.Linear(512, 1536), nn.ReLU(), nn.Linear(1536, 1536), nn.ReLU(), nn.Linear(1536, 8)
    )


def load_model(path):
    model = build()  # planted
    model.load_state_dict(torch.load(path, weights_only=True))  # planted
    return model.eval()


def predict(model, rows):
    with torch.inference_mode():
        return model(rows).argmax(1).tolist()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="load once")
    parser.add_argument("--requests", type=int, default=130)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    path = os.path.join(tempfile.mkdtemp(), "model.pt")
    torch.save(build().state_dict(), path)
    kept = load_model(path) if args.cured else None
    clock = Clock("loading")
    for _ in range(args.requests):
        rows = torch.from_numpy(rng.standard_normal((160, 512), dtype=np.float32))
        clock.lap("input")
        model = kept or load_model(path)
        clock.lap("loading")
        classes = predict(model, rows)
        clock.lap("compute")
        clock.done(classes)
    clock.tell()
    os.unlink(path)


if __name__ == "__main__":
    main()
