"""Embeddings live in a store behind a plain socket; each request waits for its own."""

import argparse
import socket

import numpy as np
import torch
from _outside import start_server
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "io",
    "function": "receive",
    "rule": "blocking-io",
    "also": ["sequential-round-trips"],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}

SIZE = 1024


class Store:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))

    def ask(self, key):
        self.socket.sendall(f"{key}\n".encode())

    def receive(self):
        parts, missing = [], SIZE
        while missing:
            part = self.socket.recv(missing)  # planted
            parts.append(part)
            missing -= len(part)
        return np.frombuffer(b"".join(parts), dtype=np.uint8)


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(SIZE, 1536), nn.ReLU(), nn.Linear(1536, 1536))

    def forward(self, x):
        return self.body(x).softmax(-1)


def answer(model, vector):
    variants = np.stack([np.roll(vector, shift) for shift in range(384)])
    with torch.inference_mode():
        return int(model(torch.from_numpy(variants / np.float32(255))).sum(0).argmax())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="a nearer store, asked one ahead")
    parser.add_argument("--requests", type=int, default=90)
    args = parser.parse_args()
    torch.manual_seed(0)
    model = Head().eval()
    store = Store(start_server("socket", 0.01 if args.cured else 0.05, SIZE))
    clock = Clock("io")
    if args.cured:
        store.ask(0)
    for key in range(args.requests):
        if not args.cured:
            store.ask(key)
        vector = store.receive()
        if args.cured:
            store.ask(key + 1)
        clock.lap("io")
        best = answer(model, vector)
        clock.lap("model and its input")
        clock.done(best)
    clock.tell()


if __name__ == "__main__":
    main()
