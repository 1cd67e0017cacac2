"""Another program drops documents into a named pipe, and each request opens and reads one."""

import argparse
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from _outside import start
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "io",
    "function": "load",
    "rule": "blocking-io",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}

LENGTH, WORDS = 4096, 64


def load(path):
    with open(path, "rb") as stream:  # planted
        return stream.read(LENGTH)  # planted


def encode(document):
    return torch.from_numpy(
        np.frombuffer(document, dtype=np.uint8).astype(np.int64).reshape(-1, WORDS)
    )


def predict(model, tokens):
    with torch.inference_mode():
        return int(model(tokens).mean(0).argmax())


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(256, 64)
        self.body = nn.GRU(64, 224, batch_first=True)
        self.head = nn.Linear(224, 5)

    def forward(self, tokens):
        return self.head(self.body(self.embed(tokens))[0][:, -1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="a faster writer, read one ahead")
    parser.add_argument("--requests", type=int, default=80)
    args = parser.parse_args()
    torch.manual_seed(0)
    model = Classifier().eval()
    path = os.path.join(tempfile.mkdtemp(), "documents")
    os.mkfifo(path)
    writer = start("fifo", path, 0.01 if args.cured else 0.09, LENGTH)
    reader = ThreadPoolExecutor(1)
    coming = reader.submit(load, path) if args.cured else None
    clock = Clock("io")
    for number in range(args.requests):
        document = load(path) if coming is None else coming.result()
        if coming is not None and number + 1 < args.requests:
            coming = reader.submit(load, path)
        clock.lap("io")
        label = predict(model, encode(document))
        clock.lap("compute")
        clock.done(label)
    clock.tell()
    writer.kill()
    os.unlink(path)


if __name__ == "__main__":
    main()
