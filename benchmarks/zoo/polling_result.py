"""The model works on its own thread; the main thread looks every 50 ms whether it is done."""

import argparse
import queue
import threading
import time

import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "python",
    "stage_also": ["queue", "postprocess", "preprocess"],
    "function": "wait_for",
    "rule": "polling-waits",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}


class Worker(threading.Thread):
    def __init__(self, model):
        super().__init__(daemon=True)
        self.model, self.jobs, self.results, self.finished = model, queue.Queue(), {}, {}

    def run(self):
        while True:
            number, rows, done = self.jobs.get()
            with torch.inference_mode():
                best = int(self.model(rows).sum(0).argmax())
            self.finished[number] = time.perf_counter()
            self.results[number] = best
            done.set()


def wait_for(worker, number):
    while number not in worker.results:
        time.sleep(0.05)  # planted
    return worker.results.pop(number)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="wait for an event")
    parser.add_argument("--requests", type=int, default=120)
    args = parser.parse_args()
    torch.manual_seed(0)
    worker = Worker(nn.Sequential(nn.Linear(512, 1536), nn.ReLU(), nn.Linear(1536, 512)).eval())
    worker.start()
    clock = Clock("waiting in vain")
    for number in range(args.requests):
        rows = torch.full((256, 512), number / args.requests)
        done = threading.Event()
        worker.jobs.put((number, rows, done))
        if args.cured:
            done.wait()
        answer = worker.results.pop(number) if args.cured else wait_for(worker, number)
        clock.add("waiting in vain", time.perf_counter() - worker.finished[number])
        clock.done(answer)
    clock.tell()


if __name__ == "__main__":
    main()
