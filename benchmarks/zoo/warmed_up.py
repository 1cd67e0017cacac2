"""A service calls the model once before it takes requests, as it should. Healthy."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "run_model",
    "rule": "",
    "also": [],
    "cured_stage": "compute",
    "healthy": True,
    "same_output": True,
}


class Server:
    def __init__(self):
        self.model = nn.Sequential(
            nn.Conv1d(8, 96, 9, padding=4),
            nn.ReLU(),
            nn.Conv1d(96, 192, 9, stride=2),
            nn.ReLU(),
            nn.Conv1d(192, 192, 9, stride=2),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.Linear(192, 4),
        ).eval()
        self.run_model(torch.zeros(2, 8, 1200))

    def run_model(self, batch):
        with torch.inference_mode():
            return self.model(batch)  # planted

    def predict(self, batch):
        return self.run_model(batch).softmax(-1)

    def serve(self, request, clock):
        batch = torch.from_numpy(request)
        clock.lap("preprocess")
        scores = self.predict(batch)
        clock.lap("compute")
        return {"label": scores.argmax(-1).tolist()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="there is nothing to cure")
    parser.add_argument("--requests", type=int, default=150)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    server, clock = Server(), Clock("compute")
    for _ in range(args.requests):
        clock.done(server.serve(rng.standard_normal((2, 8, 1200), dtype=np.float32), clock))
    clock.tell()


if __name__ == "__main__":
    main()
