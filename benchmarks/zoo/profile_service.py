"""A ranker fetches the user's profile from another service before it scores the items."""

import argparse
import urllib.request
from functools import lru_cache

import numpy as np
import torch
from _outside import start_server
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "io",
    "function": "fetch_profile",
    "rule": "blocking-io",
    "also": ["sequential-round-trips"],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}

USERS = 3


class ProfileClient:
    def __init__(self, port, cached):
        self.base = f"http://127.0.0.1:{port}/users/"
        self.get = lru_cache(self.fetch_profile) if cached else self.fetch_profile

    def fetch_profile(self, user):
        with urllib.request.urlopen(self.base + str(user)) as answer:  # planted
            return np.frombuffer(answer.read(), dtype=np.uint8).astype(np.float32) / 255  # planted


class Ranker:
    def __init__(self, client):
        self.client = client
        self.model = nn.Sequential(nn.Linear(512, 2048), nn.ReLU(), nn.Linear(2048, 2048)).eval()

    def score(self, profile, items):
        batch = np.concatenate([np.tile(profile, (len(items), 1)), items], axis=1)
        with torch.inference_mode():
            return self.model(torch.from_numpy(batch))

    def handle(self, clock, user, items):
        profile = self.client.get(user)
        clock.lap("io")
        scores = self.score(profile, items)
        clock.lap("model and its input")
        return int(scores.sum(1).argmax())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true")
    parser.add_argument("--requests", type=int, default=100)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    ranker = Ranker(ProfileClient(start_server("http", 0.04, 256), args.cured))
    clock = Clock("io")
    for number in range(args.requests):
        items = rng.random((256, 256), dtype=np.float32)
        clock.lap("input")
        clock.done(ranker.handle(clock, number % USERS, items))
    clock.tell()


if __name__ == "__main__":
    main()
