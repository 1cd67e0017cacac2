"""An asyncio service with several users at once runs the model on the event loop."""

import argparse
import asyncio

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "stage_also": ["queue", "python"],
    "function": "predict",
    "rule": "blocked-event-loop",
    "also": [],
    "cured_stage": "compute",
    "cured_stage_also": ["queue", "python", "preprocess"],
    "healthy": False,
    "same_output": True,
}

USERS = 6


class Service:
    def __init__(self, cured):
        self.model = nn.Sequential(nn.Linear(768, 2048), nn.ReLU(), nn.Linear(2048, 1024)).eval()
        self.cured, self.turn = cured, asyncio.Lock()

    def predict(self, rows):
        with torch.inference_mode():
            return int(self.model(torch.from_numpy(rows)).sum(0).argmax())  # planted

    async def handle(self, number):
        await asyncio.sleep(0.005)  # the body of the request arrives
        rows = np.random.default_rng(number).standard_normal((256, 768), dtype=np.float32)
        if not self.cured:
            return self.predict(rows)  # planted
        async with self.turn:
            return await asyncio.to_thread(self.predict, rows)


async def user(service, numbers, clock):
    for number in numbers:
        answer = await service.handle(number)
        clock.done((number, answer))


async def serve(args):
    service, clock = Service(args.cured), Clock(None)
    users = [range(first, args.requests, USERS) for first in range(USERS)]
    await asyncio.gather(*(user(service, numbers, clock) for numbers in users))
    clock.tell()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="run the model on another thread")
    parser.add_argument("--requests", type=int, default=240)
    args = parser.parse_args()
    torch.manual_seed(0)
    asyncio.run(serve(args))


if __name__ == "__main__":
    main()
