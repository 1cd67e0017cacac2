"""A document encoder writes out its attention as in the paper: product, softmax, product."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn
from torch.nn import functional

ZOO = {
    "stage": "compute",
    "function": "encode",
    "rule": "unfused-attention",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "same_output": False,  # sums are taken in another order
}

WORDS, WIDTH, HEADS = 1024, 256, 8


class Attention(nn.Module):
    def __init__(self, cured):
        super().__init__()
        self.cured = cured
        self.take, self.give = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        batch, words, _ = x.shape
        parts = self.take(x).view(batch, words, 3, HEADS, WIDTH // HEADS)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        if self.cured:
            y = functional.scaled_dot_product_attention(q, k, v)
        else:
            scores = q @ k.transpose(-2, -1) / (WIDTH // HEADS) ** 0.5
            y = scores.softmax(dim=-1) @ v
        return self.give(y.transpose(1, 2).reshape(batch, words, WIDTH))


class Encoder(nn.Module):
    def __init__(self, cured):
        super().__init__()
        self.embed = nn.Embedding(8000, WIDTH)
        self.attention = nn.ModuleList(Attention(cured) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))
        self.head = nn.Linear(WIDTH, 32)

    def forward(self, ids):
        x = self.embed(ids)
        for attention, norm in zip(self.attention, self.norms, strict=True):
            x = x + attention(norm(x))
        return self.head(x.mean(1))


@torch.inference_mode()
def encode(model, ids):
    return model(ids)  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="scaled_dot_product_attention")
    parser.add_argument("--requests", type=int, default=28)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model, clock = Encoder(args.cured).eval(), Clock("compute")
    for _ in range(args.requests):
        ids = torch.from_numpy(rng.integers(0, 8000, (1, WORDS)))
        clock.lap("preprocess")
        topics = encode(model, ids)
        clock.lap("compute")
        clock.done(topics.argmax(-1).tolist())
    clock.tell()


if __name__ == "__main__":
    main()
