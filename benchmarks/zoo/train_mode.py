"""A fine-tuned tagger goes straight into service: still in training mode, with autograd on."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "stage_also": ["python"],
    "function": "predict",
    "rule": "autograd-enabled",
    "also": [],
    "cured_stage": "compute",
    "cured_stage_also": ["python"],
    "healthy": False,
    "same_output": False,  # dropout draws random numbers
}

WIDTH, TAGS, WORDS = 256, 17, 48


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(4000, WIDTH)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))
            for _ in range(4)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(4))
        self.dropout, self.head = nn.Dropout(0.1), nn.Linear(WIDTH, TAGS)

    def forward(self, ids):
        x = self.embed(ids)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm(x + self.dropout(layer(x)))
        return self.head(x)


def load_tagger(cured):
    """What a notebook left behind: the model as the last epoch of training had it."""
    model = Tagger()
    return model.eval() if cured else model


def predict(model, ids):
    return model(ids).argmax(-1)  # planted


@torch.inference_mode()
def predict_without_autograd(model, ids):
    return model(ids).argmax(-1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="eval() and inference_mode()")
    parser.add_argument("--requests", type=int, default=160)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model, clock = load_tagger(args.cured), Clock("compute")
    answer = predict_without_autograd if args.cured else predict
    for _ in range(args.requests):
        ids = torch.from_numpy(rng.integers(0, 4000, (4, WORDS)))
        clock.lap("preprocess")
        tags = answer(model, ids)
        clock.lap("compute")
        clock.done(tags[0].tolist())
    clock.tell()


if __name__ == "__main__":
    main()
