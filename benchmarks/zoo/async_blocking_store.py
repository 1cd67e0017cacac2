"""An asyncio service with several users reads its features with a client that blocks."""

import argparse
import asyncio
import socket

import numpy as np
import torch
from _outside import start_server
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "io",
    "stage_also": ["queue", "python"],
    "function": "get",
    "rule": "blocking-coroutine",
    "also": ["blocking-io"],
    "cured_stage": "io",
    "cured_stage_also": ["compute", "queue", "python", "preprocess"],
    "healthy": False,
    "same_output": True,
}

USERS, DELAY, SIZE = 6, 0.012, 4096


class Store:
    """A store that answers a line with features; as written for threads, and for asyncio."""

    def __init__(self, ports):
        self.ports = ports

    def connect(self):
        self.stream = socket.create_connection(("127.0.0.1", self.ports[0])).makefile("rwb")

    def get(self, number):
        self.stream.write(f"{number}\n".encode())
        self.stream.flush()
        return self.stream.read(SIZE)  # planted

    async def connect_all(self):
        self.pairs = asyncio.Queue()
        for port in self.ports:
            self.pairs.put_nowait(await asyncio.open_connection("127.0.0.1", port))

    async def get_later(self, number):
        reader, writer = pair = await self.pairs.get()
        writer.write(f"{number}\n".encode())
        answer = await reader.readexactly(SIZE)
        self.pairs.put_nowait(pair)
        return answer


class Service:
    def __init__(self, store, cured):
        self.model = nn.Sequential(nn.Linear(512, 1024), nn.ReLU(), nn.Linear(1024, 16)).eval()
        self.store, self.cured = store, cured

    async def features(self, number):
        if self.cured:
            return await self.store.get_later(number)
        return self.store.get(number)  # planted

    def predict(self, body):
        rows = np.frombuffer(body, np.uint8).reshape(-1, 512).astype(np.float32)
        with torch.inference_mode():
            return int(self.model(torch.from_numpy(rows)).sum(0).argmax())

    async def handle(self, number):
        await asyncio.sleep(0.005)  # the body of the request arrives
        return self.predict(await self.features(number))


async def user(service, numbers, clock):
    for number in numbers:
        clock.done((number, await service.handle(number)))


async def serve(args):
    store = Store([start_server("socket", DELAY, SIZE) for _ in range(USERS if args.cured else 1)])
    if args.cured:
        await store.connect_all()
    else:
        store.connect()
    service, clock = Service(store, args.cured), Clock(None)
    users = [range(first, args.requests, USERS) for first in range(USERS)]
    await asyncio.gather(*(user(service, numbers, clock) for numbers in users))
    clock.tell()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="await the store")
    parser.add_argument("--requests", type=int, default=240)
    args = parser.parse_args()
    torch.manual_seed(0)
    asyncio.run(serve(args))


if __name__ == "__main__":
    main()
