"""A handler collects garbage after each request, beside a large index of live objects."""

import argparse
import gc

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "python",
    "stage_also": ["postprocess"],
    "function": "clean_up",
    "rule": "gc-pauses",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}


class Document:
    def __init__(self, number):
        self.number, self.words, self.links = number, [number], {number: [number]}


def build_index():
    return {number: Document(number) for number in range(60_000)}


def search(model, index, query):
    with torch.inference_mode():
        place = int(model(query).sum(0).argmax())
    return index[place].words[0]


def clean_up():
    gc.collect()  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="leave it to Python; freeze the index")
    parser.add_argument("--requests", type=int, default=80)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(512, 2048), nn.ReLU(), nn.Linear(2048, 2048)).eval()
    index = build_index()
    if args.cured:
        gc.collect()
        gc.freeze()
    clock = Clock("pause")
    for _ in range(args.requests):
        query = torch.from_numpy(rng.standard_normal((384, 512), dtype=np.float32))
        found = search(model, index, query)
        clock.lap("search")
        if not args.cured:
            clean_up()
            clock.lap("pause")
        clock.done(found)
    clock.tell()


if __name__ == "__main__":
    main()
