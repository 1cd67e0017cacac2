"""An asyncio service awaits a store and its model's thread while others are served. Healthy."""

import argparse
import asyncio

import numpy as np
import torch
from _outside import start_server
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "stage_also": ["io", "queue", "python", "preprocess"],
    "function": "predict",
    "rule": "",
    "also": [],
    "cured_stage": "compute",
    "healthy": True,
    "same_output": True,
}

USERS, DELAY, SIZE = 4, 0.004, 4096


class Service:
    def __init__(self):
        self.model = nn.Sequential(nn.Linear(512, 2048), nn.ReLU(), nn.Linear(2048, 512)).eval()
        self.turn = asyncio.Lock()

    async def connect(self, port):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.wire = asyncio.Lock()

    async def features(self, number):
        async with self.wire:
            self.writer.write(f"{number}\n".encode())
            return await self.reader.readexactly(SIZE)

    def predict(self, body):
        rows = np.frombuffer(body * 16, np.uint8).reshape(-1, 512).astype(np.float32)
        with torch.inference_mode():
            return int(self.model(torch.from_numpy(rows)).sum(0).argmax())  # planted

    async def handle(self, number):
        body = await self.features(number)
        async with self.turn:
            return await asyncio.to_thread(self.predict, body)


async def user(service, numbers, clock):
    for number in numbers:
        clock.done((number, await service.handle(number)))


async def serve(requests):
    service, clock = Service(), Clock(None)
    await service.connect(start_server("socket", DELAY, SIZE))
    users = [range(first, requests, USERS) for first in range(USERS)]
    await asyncio.gather(*(user(service, numbers, clock) for numbers in users))
    clock.tell()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="there is nothing to cure")
    parser.add_argument("--requests", type=int, default=240)
    args = parser.parse_args()
    torch.manual_seed(0)
    asyncio.run(serve(args.requests))


if __name__ == "__main__":
    main()
