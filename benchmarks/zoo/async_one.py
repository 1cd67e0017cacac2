"""An asyncio service with one request at a time. Healthy: nobody else waits for the loop."""

import argparse
import asyncio

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "handle",
    "rule": "",
    "also": [],
    "cured_stage": "compute",
    "healthy": True,
    "same_output": True,
}


async def receive(rng):
    await asyncio.sleep(0)
    return rng.standard_normal((192, 1024), dtype=np.float32)


async def handle(model, rng, clock):
    rows = await receive(rng)
    clock.lap("preprocess")
    with torch.inference_mode():
        scores = model(torch.from_numpy(rows))  # planted
    clock.lap("compute")
    return int(scores.sum(0).argmax())


async def serve(model, requests):
    rng, clock = np.random.default_rng(0), Clock("compute")
    for _ in range(requests):
        clock.done(await handle(model, rng, clock))
    clock.tell()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="there is nothing to cure")
    parser.add_argument("--requests", type=int, default=150)
    args = parser.parse_args()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1024, 3072), nn.ReLU(), nn.Linear(3072, 1024)).eval()
    asyncio.run(serve(model, args.requests))


if __name__ == "__main__":
    main()
