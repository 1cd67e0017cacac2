"""A compiled model meets a new length with each request, and is compiled for it once more."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "python",
    "stage_also": ["compute"],
    "function": "embed",
    "rule": "recompiles",
    "also": ["warmup-in-window"],
    "cured_stage": "compute",
    "cured_stage_also": ["python", "preprocess"],
    "healthy": False,
    "same_output": True,
}

WIDTH, LONGEST = 192, 128


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(3000, WIDTH)
        self.mix = nn.Sequential(nn.Linear(WIDTH, 768), nn.GELU(), nn.Linear(768, WIDTH))

    def forward(self, ids):
        x = self.words(ids)
        x = x + self.mix(x)
        return x.mean(1)


def load_model(cured):
    model = torch.compile(Embedder().eval(), backend="aot_eager", dynamic=cured)
    with torch.inference_mode():
        for words in (LONGEST, 16, 33):
            model(torch.zeros(8, words, dtype=torch.long))
    return model


@torch.inference_mode()
def embed(model, ids):
    return model(ids)  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="compile for any length")
    parser.add_argument("--requests", type=int, default=32)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch._dynamo.config.recompile_limit = 1000
    rng = np.random.default_rng(0)
    model, clock = load_model(args.cured), Clock("model")
    for _ in range(args.requests):
        words = int(rng.integers(8, LONGEST))
        ids = torch.from_numpy(rng.integers(0, 3000, (8, words)))
        clock.lap("preprocess")
        vectors = embed(model, ids)
        clock.lap("model")
        clock.done(round(float(vectors.norm()), 2))
    clock.tell()


if __name__ == "__main__":
    main()
