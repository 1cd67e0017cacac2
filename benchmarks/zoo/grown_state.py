"""A streaming model keeps what it has heard in one tensor, longer by torch.cat with each chunk."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn
from torch.nn import functional

ZOO = {
    "stage": "compute",
    "function": "remember",
    "rule": "tensor-copies",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}

STREAMS, CHUNK, WIDTH, NEAR = 16, 8, 512, 64
BEFORE, CHUNKS = 480, 60
"""Frames that were heard before a call is taken over, and chunks that it then takes."""


class Listener(nn.Module):
    """Attends from each new chunk to the last frames, and keeps all for the transcript's end."""

    def __init__(self, cured):
        super().__init__()
        layers = [nn.Linear(80, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 1024), nn.ReLU()]
        self.take, self.head = nn.Sequential(*layers, nn.Linear(1024, WIDTH)), nn.Linear(WIDTH, 4)
        self.cured, self.count = cured, 0
        if cured:
            self.frames = torch.empty(STREAMS, BEFORE + CHUNKS * CHUNK, WIDTH)

    def take_over(self, frames):
        self.count = BEFORE
        if self.cured:
            self.frames[:, :BEFORE] = frames
        else:
            self.frames = frames

    def remember(self, new):
        if self.cured:
            self.frames[:, self.count : self.count + CHUNK] = new
        else:
            self.frames = torch.cat([self.frames, new], dim=1)  # planted
        self.count += CHUNK
        return self.frames[:, max(self.count - NEAR, 0) : self.count]

    def forward(self, sound):
        new = self.take(sound)
        near = functional.scaled_dot_product_attention(new, heard := self.remember(new), heard)
        return self.head(near)


@torch.inference_mode()
def listen(model, sound):
    return model(sound).argmax(-1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="write into a buffer made once")
    parser.add_argument("--requests", type=int, default=180)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model, clock = Listener(args.cured).eval(), Clock("compute")
    before = torch.from_numpy(rng.standard_normal((STREAMS, BEFORE, WIDTH), dtype=np.float32))
    for chunk in range(args.requests):
        if chunk % CHUNKS == 0:
            model.take_over(before)
        sound = torch.from_numpy(rng.standard_normal((STREAMS, CHUNK, 80), dtype=np.float32))
        clock.lap("preprocess")
        words = listen(model, sound)
        clock.lap("compute")
        clock.done(words.sum().item())
    clock.tell()


if __name__ == "__main__":
    main()
