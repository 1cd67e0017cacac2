"""A thread prepares batches ahead through a queue, but it is slower than the model."""

import argparse
import queue
import threading

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "preprocess",
    "stage_also": ["queue", "python"],
    "function": "prepare",
    "rule": "",
    "also": ["python-loops", "polling-waits", "gil-contention", "idle-cores"],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": False,
}

ROWS, WIDTH = 96, 512


def prepare(raw):
    spectrum = np.fft.fft(raw.reshape(ROWS, -1), axis=1)  # planted
    return np.abs(spectrum)[:, :WIDTH].astype(np.float32)  # planted


def prepare_half(raw):
    spectrum = np.fft.rfft(raw.reshape(ROWS, -1)[:, :1024], axis=1)
    return np.abs(spectrum)[:, :WIDTH].astype(np.float32)


def produce(batches, count, work, size):
    rng = np.random.default_rng(0)
    for _ in range(count):
        batches.put(work(rng.standard_normal(ROWS * size)))
    batches.put(None)


def consume(model, batches, clock):
    while (batch := batches.get()) is not None:
        clock.lap("waiting")
        with torch.inference_mode():
            scores = model(torch.from_numpy(batch))
        clock.lap("compute")
        clock.done(scores.argmax(1).tolist())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="use short pieces of the recordings")
    parser.add_argument("--requests", type=int, default=70)
    args = parser.parse_args()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(WIDTH, 2048), nn.ReLU(), nn.Linear(2048, 2048)).eval()
    batches = queue.Queue(maxsize=2)
    chosen = (prepare_half, 1024) if args.cured else (prepare, 16_384)
    threading.Thread(target=produce, args=(batches, args.requests, *chosen), daemon=True).start()
    clock = Clock("waiting")
    consume(model, batches, clock)
    clock.tell()


if __name__ == "__main__":
    main()
