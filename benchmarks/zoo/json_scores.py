"""A service answers with a hundred thousand numbers as text."""

import argparse
import json

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "postprocess",
    "function": "render",
    "rule": "text-serialization",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": False,
}


class Service:
    def __init__(self, cured):
        self.cured = cured
        layers = [nn.Linear(256, 1024), nn.ReLU(), nn.Linear(1024, 1000)]
        self.model = nn.Sequential(*layers).eval()

    def handle(self, body, clock):
        rows = np.frombuffer(body, dtype=np.float32).reshape(100, 256)
        rows = torch.from_numpy(rows.copy()).repeat(4, 1)
        clock.lap("preprocess")
        embedding = self.embed(rows)
        clock.lap("compute")
        text = self.render(embedding)
        clock.lap("postprocess")
        return text

    @torch.inference_mode()
    def embed(self, rows):
        return self.model(rows)[:100]

    def render(self, embedding):
        if self.cured:
            return embedding.numpy().tobytes()
        return json.dumps({"data": embedding.tolist()})  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="answer with the bytes themselves")
    parser.add_argument("--requests", type=int, default=70)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    service, clock = Service(args.cured), Clock("postprocess")
    for _ in range(args.requests):
        body = rng.standard_normal((100, 256), dtype=np.float32).tobytes()
        clock.done(len(service.handle(body, clock)))
    clock.tell()


if __name__ == "__main__":
    main()
