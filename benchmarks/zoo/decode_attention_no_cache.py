"""A small transformer writes answers to prompts and attends to the whole prefix at each step."""

import argparse

import numpy as np
import torch
import torch.nn.functional as F
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "generate",
    "rule": "missing-kv-cache",
    "also": [],
    "cured_stage": "compute",
    "cured_stage_also": ["python"],
    "healthy": False,
    "same_output": True,
}

WIDTH, HEADS, PROMPT, NEW, BATCH = 192, 4, 12, 36, 4


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x, past):
        split = self.qkv(x).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        q, k, v = split
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=past is None)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(x))), (k, v)


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(800, WIDTH), nn.Linear(WIDTH, 800)
        self.blocks = nn.ModuleList(Block() for _ in range(3))

    def forward(self, ids, cache):
        x, kept = self.embed(ids), []
        for block, past in zip(self.blocks, cache or [None] * 3, strict=True):
            x, pair = block(x, past)
            kept.append(pair)
        return self.head(x[:, -1]), kept


@torch.inference_mode()
def generate(model, ids, cached):
    new, cache = ids, None
    for _ in range(NEW):
        if cached:
            scores, cache = model(new, cache)
        else:
            scores, _ = model(ids, None)  # planted
        new = scores.argmax(-1, keepdim=True)
        ids = torch.cat([ids, new], 1)
    return ids[:, PROMPT:]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="keep keys and values")
    parser.add_argument("--requests", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model, clock = LanguageModel().eval(), Clock("generating")
    for _ in range(args.requests or (160 if args.cured else 40)):
        prompts = torch.from_numpy(rng.integers(0, 800, (BATCH, PROMPT)))
        clock.lap("preprocess")
        tokens = generate(model, prompts, args.cured)
        clock.lap("generating")
        clock.done(tokens[:, 0].tolist())
    clock.tell()


if __name__ == "__main__":
    main()
