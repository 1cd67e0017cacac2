"""Two request threads with one torch thread each, as many as cores. Healthy."""

import argparse
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "handle",
    "rule": "",
    "also": [],
    "cured_stage": "compute",
    "healthy": True,
    "same_output": True,
}

WIDTH = 1024


class Service:
    def __init__(self):
        layers = [nn.Linear(WIDTH, 2048), nn.GELU(), nn.Linear(2048, WIDTH)]
        self.model = nn.Sequential(*layers).eval()
        self.served, self.lock = 0, threading.Lock()

    def handle(self, rows, clock):
        clock.begin()
        batch = torch.from_numpy(rows)
        clock.lap("preprocess")
        with torch.inference_mode():
            scores = self.model(batch)  # planted
        clock.lap("compute")
        with self.lock:
            self.served += 1
        clock.done(int(scores.sum(0).argmax()))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="there is nothing to cure")
    parser.add_argument("--requests", type=int, default=300)
    args = parser.parse_args()
    torch.manual_seed(0)
    inputs = np.random.default_rng(0).standard_normal((args.requests, 192, WIDTH), dtype=np.float32)
    service, clock = Service(), Clock("compute")
    with ThreadPoolExecutor(2) as pool:
        for rows in inputs:
            pool.submit(service.handle, rows, clock)
    clock.tell()


if __name__ == "__main__":
    main()
