"""An encoder of texts pads every row to the model's limit, in whatever order they come."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "embed",
    "rule": "padded-batches",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": False,
}

WIDTH, HEADS, LIMIT, BATCH = 192, 4, 192, 8


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(3000, WIDTH)
        self.queries = nn.ModuleList(nn.Linear(WIDTH, 3 * WIDTH) for _ in range(3))
        self.wide = nn.ModuleList(nn.Linear(WIDTH, 4 * WIDTH) for _ in range(3))
        self.narrow = nn.ModuleList(nn.Linear(4 * WIDTH, WIDTH) for _ in range(3))

    def forward(self, input_ids, attention_mask):
        x = self.words(input_ids)
        seen = attention_mask.bool()[:, None, None, :]
        for query, wide, narrow in zip(self.queries, self.wide, self.narrow, strict=True):
            parts = query(x).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
            mixed = nn.functional.scaled_dot_product_attention(*parts, attn_mask=seen)
            x = x + mixed.transpose(1, 2).flatten(2)
            x = x + narrow(nn.functional.relu(wide(x)))
        return x[:, 0]


def collate(rows, length):
    ids = np.zeros((len(rows), length), np.int64)
    mask = np.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)], mask[place, : len(row)] = row, 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


def embed(model, ids, mask):
    with torch.inference_mode():
        return model(ids, attention_mask=mask)  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="rows sorted, as long as needed")
    parser.add_argument("--requests", type=int, default=80)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    lengths = rng.integers(8, 64, args.requests * BATCH)
    rows = [rng.integers(1, 3000, length) for length in lengths]
    if args.cured:
        rows.sort(key=len)
    model = Encoder().eval()
    clock = Clock("compute")
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        ids, mask = collate(batch, max(map(len, batch)) if args.cured else LIMIT)
        clock.lap("preprocess")
        vectors = embed(model, ids, mask)
        clock.lap("compute")
        clock.done(float(vectors[0, 0]))
    clock.tell()


if __name__ == "__main__":
    main()
