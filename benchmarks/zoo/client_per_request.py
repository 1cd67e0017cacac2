"""Each request makes a client of its own, with its own TLS context and opener."""

import argparse
import ssl
import urllib.request

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "python",
    "stage_also": ["preprocess", "io"],
    "function": "make_client",
    "rule": "per-request-setup",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}


class Client:
    def __init__(self, context):
        handler = urllib.request.HTTPSHandler(context=context)
        self.opener = urllib.request.build_opener(handler)
        self.headers = {"User-Agent": "ranker/1.0"}

    def load(self, rng):
        # The network is left out: here the answer is drawn.
        return rng.standard_normal((512, 512), dtype=np.float32)


def make_client():
    return Client(ssl.create_default_context())  # planted


def rank(model, rows):
    with torch.inference_mode():
        return int(model(torch.from_numpy(rows)).mean(0).argmax())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="keep one client")
    parser.add_argument("--requests", type=int, default=110)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(512, 1536), nn.ReLU(), nn.Linear(1536, 1024)).eval()
    kept = make_client() if args.cured else None
    clock = Clock("set-up")
    for _ in range(args.requests):
        client = kept or make_client()
        clock.lap("set-up")
        rows = client.load(rng)
        clock.lap("input")
        best = rank(model, rows)
        clock.lap("compute")
        clock.done(best)
    clock.tell()


if __name__ == "__main__":
    main()
