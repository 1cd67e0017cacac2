"""A character model reads the whole text so far again for each new token."""

import argparse

import numpy as np
import torch
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

PROMPT, NEW, BATCH = 24, 24, 8


class Writer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(500, 128)
        self.body = nn.GRU(128, 256, batch_first=True)
        self.head = nn.Linear(256, 500)

    def forward(self, ids, state=None):
        out, state = self.body(self.embed(ids), state)
        return self.head(out[:, -1]), state


@torch.inference_mode()
def generate(model, ids):
    for _ in range(NEW):
        scores, _ = model(ids)  # planted
        ids = torch.cat([ids, scores.argmax(-1, keepdim=True)], dim=1)
    return ids


@torch.inference_mode()
def generate_with_state(model, ids):
    new, state = ids, None
    for _ in range(NEW):
        scores, state = model(new, state)
        new = scores.argmax(-1, keepdim=True)
        ids = torch.cat([ids, new], dim=1)
    return ids


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="carry the hidden state on")
    parser.add_argument("--requests", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model, clock = Writer().eval(), Clock("generating")
    for _ in range(args.requests or (260 if args.cured else 45)):
        prompts = torch.from_numpy(rng.integers(0, 500, (BATCH, PROMPT)))
        clock.lap("preprocess")
        ids = (generate_with_state if args.cured else generate)(model, prompts)
        clock.lap("generating")
        clock.done(ids[0, -1].item())
    clock.tell()


if __name__ == "__main__":
    main()
