"""Token by token, with the hidden state carried on and a large vocabulary. Healthy."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "generate",
    "rule": "",
    "also": [],
    "cured_stage": "compute",
    "healthy": True,
    "same_output": True,
}

PROMPT, NEW, BATCH = 16, 10, 48


class Writer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(6000, 256)
        self.body = nn.GRU(256, 512, batch_first=True)
        self.head = nn.Linear(512, 6000)

    def forward(self, ids, state=None):
        out, state = self.body(self.embed(ids), state)
        return self.head(out[:, -1]), state


@torch.inference_mode()
def generate(model, ids):
    state, written = None, []
    for _ in range(NEW):
        scores, state = model(ids, state)  # planted
        ids = scores.argmax(-1, keepdim=True)
        written.append(ids)
    return torch.cat(written, 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="there is nothing to cure")
    parser.add_argument("--requests", type=int, default=70)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model, clock = Writer().eval(), Clock(None)
    for _ in range(args.requests):
        prompts = torch.from_numpy(rng.integers(0, 6000, (BATCH, PROMPT)))
        clock.lap("preprocess")
        written = generate(model, prompts)
        clock.lap("generating")
        clock.done(written[0, 0].item())
    clock.tell()


if __name__ == "__main__":
    main()
