"""A refresher rewrites a table again and again under the lock that each request needs."""

import argparse
import threading
import time

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "python",
    "stage_also": ["queue", "preprocess"],
    "function": "look_up",
    "rule": "",
    "also": ["polling-waits", "gil-contention"],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}


class Table:
    def __init__(self, cured):
        self.rows = np.random.default_rng(1).standard_normal((4096, 512), dtype=np.float32)
        self.lock, self.cured = threading.Lock(), cured
        threading.Thread(target=self.refresh, daemon=True).start()

    def fetch(self):
        time.sleep(0.04)  # a slow database, far away
        return self.rows

    def refresh(self):
        while True:
            if self.cured:
                rows = self.fetch()
                with self.lock:
                    self.rows = rows
            else:
                with self.lock:
                    self.rows = self.fetch()
            time.sleep(0.005)

    def look_up(self, ids):
        with self.lock:  # planted
            return self.rows[ids]


def predict(model, rows):
    with torch.inference_mode():
        return model(torch.from_numpy(rows)).sum(0).argmax().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--cured", action="store_true", help="fetch first, then swap under the lock"
    )
    parser.add_argument("--requests", type=int, default=130)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    table = Table(args.cured)
    model = nn.Sequential(nn.Linear(512, 2048), nn.ReLU(), nn.Linear(2048, 512)).eval()
    clock = Clock("lock")
    for _ in range(args.requests):
        rows = table.look_up(rng.integers(0, 4096, 160))
        clock.lap("lock")
        best = predict(model, rows)
        clock.lap("compute")
        clock.done(best)
    clock.tell()


if __name__ == "__main__":
    main()
