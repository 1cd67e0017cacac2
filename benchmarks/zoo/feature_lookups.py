"""A recommender asks a feature service for eight things, one after the other."""

import argparse
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import numpy as np
import torch
from _outside import start_server
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "io",
    "function": "get_feature",
    "rule": "sequential-round-trips",
    "also": ["blocking-io"],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}

FEATURES, WIDTH = 8, 64


def get_feature(port, key):
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", f"/features/{key}")  # planted
    body = connection.getresponse().read()  # planted
    connection.close()
    return np.frombuffer(body, dtype=np.uint8)


def load_features(port, user):
    return np.concatenate([get_feature(port, user * FEATURES + i) for i in range(FEATURES)])


def load_features_at_once(port, user):
    return get_feature(port, ",".join(str(user * FEATURES + i) for i in range(FEATURES)))


@torch.inference_mode()
def rank(model, features):
    scores = model(torch.from_numpy(features.astype(np.float32) / 255).repeat(160, 1))
    return int(scores[0].argmax())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true")
    parser.add_argument("--requests", type=int, default=90)
    args = parser.parse_args()
    torch.manual_seed(0)
    port = start_server("http", 0.004, WIDTH)
    model = nn.Sequential(nn.Linear(FEATURES * WIDTH, 2048), nn.ReLU(), nn.Linear(2048, 2000))
    model.eval()
    pool = ThreadPoolExecutor(1)
    coming = pool.submit(load_features_at_once, port, 0) if args.cured else None
    clock = Clock("io")
    for user in range(args.requests):
        if coming is None:
            features = load_features(port, user)
        else:
            features = coming.result()
            coming = pool.submit(load_features_at_once, port, user + 1)
        clock.lap("io")
        best = rank(model, features)
        clock.lap("compute")
        clock.done(best)
    clock.tell()


if __name__ == "__main__":
    main()
