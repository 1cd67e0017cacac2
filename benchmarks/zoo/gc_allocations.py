"""Each request makes many small objects beside half a million live ones: Python collects."""

import argparse
import gc
import time

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "python",
    "stage_also": ["preprocess"],
    "function": "parse",
    "rule": "gc-pauses",
    "also": ["python-loops"],
    "cured_stage": "compute",
    "cured_stage_also": ["preprocess"],
    "healthy": False,
    "same_output": True,
}

EVENTS = 60_000
pauses = []


def watch(phase, details):
    pauses.append(time.perf_counter() if phase == "start" else time.perf_counter() - pauses.pop())


def parse(rng):
    return [[number] for number in range(int(rng.integers(EVENTS // 2, EVENTS)))]  # planted


def summarise(events, rng):
    batch = rng.standard_normal((256, 1024), dtype=np.float32)
    batch[0, 0] = len(events) / EVENTS
    return torch.from_numpy(batch)


def predict(model, batch):
    with torch.inference_mode():
        return int(model(batch).sum(0).argmax())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="freeze what lives for ever")
    parser.add_argument("--requests", type=int, default=120)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 1024)).eval()
    gc.disable()
    cache = [{"id": [number]} for number in range(500_000)]
    gc.enable()
    gc.set_threshold(700, 5, 5)  # "less memory": seen in services that were once short of it
    if args.cured:
        gc.set_threshold(50_000, 50, 1000)
        gc.collect()
        gc.freeze()
    gc.callbacks.append(watch)
    clock = Clock("pause")
    for _ in range(args.requests):
        pauses.clear()
        answer = predict(model, summarise(parse(rng), rng))
        clock.add("pause", sum(pauses))
        clock.done(answer)
    gc.callbacks.remove(watch)
    clock.tell()
    assert cache


if __name__ == "__main__":
    main()
