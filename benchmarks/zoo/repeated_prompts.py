"""Users ask the same few questions again and again, and each is computed anew."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "answer",
    "rule": "repeated-inputs",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "same_output": True,
}

REPEATED = 0.6


class Questions:
    def __init__(self):
        self.rng = np.random.default_rng(0)
        self.popular = [self.draw() for _ in range(3)]

    def draw(self):
        return self.rng.integers(0, 2000, (8, 64))

    def __next__(self):
        if self.rng.random() < REPEATED:
            return self.popular[self.rng.integers(len(self.popular))]
        return self.draw()


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(2000, 192)
        layer = nn.TransformerEncoderLayer(192, 4, 768, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(192, 50)

    def forward(self, ids):
        return self.head(self.layers(self.embed(ids)).mean(1))


@torch.inference_mode()
def answer(model, ids):
    return model(torch.from_numpy(ids)).argmax(-1).tolist()  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="remember the answers")
    parser.add_argument("--requests", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(0)
    model, questions, known = Encoder().eval(), Questions(), {}
    clock = Clock("compute")
    for _ in range(args.requests or (400 if args.cured else 170)):
        ids = next(questions)
        clock.lap("preprocess")
        key = ids.tobytes()
        if not args.cured or key not in known:
            known[key] = answer(model, ids)
        clock.lap("compute")
        clock.done(known[key])
    clock.tell()


if __name__ == "__main__":
    main()
