"""A statistics thread recounts without rest, and takes the interpreter from the model's thread."""

import argparse
import threading
import time

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "python",
    "stage_also": ["compute", "preprocess"],
    "function": "recount",
    "rule": "gil-contention",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}


class Statistics:
    def __init__(self, pause):
        self.pause, self.seen, self.total = pause, list(range(500)), 0
        threading.Thread(target=self.recount, daemon=True).start()

    def recount(self):
        while True:
            self.total = 0
            for value in self.seen:  # planted
                self.total += value * value % 7  # planted
            if self.pause:
                time.sleep(self.pause)


def build():
    layers = []
    for _ in range(6):
        layers += [nn.Linear(512, 512), nn.ReLU()]
    return nn.Sequential(*layers).eval()


def prepare(rng):
    return torch.from_numpy(rng.standard_normal((160, 512), dtype=np.float32))


def predict(model, rows):
    with torch.inference_mode():
        return model(rows).sum(0).argmax().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="recount once a second")
    parser.add_argument("--requests", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = build()
    statistics = Statistics(1.0 if args.cured else 0.0)
    clock = Clock(None)
    for _ in range(args.requests or (700 if args.cured else 100)):
        statistics.seen.append(len(statistics.seen))
        clock.done(predict(model, prepare(rng)))
    clock.tell()


if __name__ == "__main__":
    main()
