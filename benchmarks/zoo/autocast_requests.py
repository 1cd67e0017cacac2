"""A service enters autocast for each request, and its weights are cast to bfloat16 every time."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "predict",
    "rule": "autocast-churn",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "same_output": False,  # norms stay in float32 under autocast
}

WIDTH, ROWS = 768, 4


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(3 * WIDTH, WIDTH)

    def forward(self, x):
        return x + self.down(torch.relu(self.up(self.norm(x))))


class Service:
    def __init__(self, cured):
        self.cured = cured
        self.model = nn.Sequential(*(Block() for _ in range(4)), nn.Linear(WIDTH, 10)).eval()
        if cured:
            self.model = self.model.to(torch.bfloat16)

    @torch.inference_mode()
    def predict(self, rows):
        if self.cured:
            return self.model(rows.to(torch.bfloat16)).float()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.model(rows).float()  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="cast the weights once")
    parser.add_argument("--requests", type=int, default=120)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    service, clock = Service(args.cured), Clock("compute")
    for _ in range(args.requests):
        rows = torch.from_numpy(rng.standard_normal((ROWS, WIDTH), dtype=np.float32))
        clock.lap("preprocess")
        scores = service.predict(rows)
        clock.lap("compute")
        clock.done(scores.argmax(-1).tolist())
    clock.tell()


if __name__ == "__main__":
    main()
