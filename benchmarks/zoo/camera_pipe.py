"""Frames come from a grabber program through a pipe, which needs a moment for each."""

import argparse

import numpy as np
import torch
from _outside import start
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "io",
    "function": "read_frame",
    "rule": "blocking-io",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}

HEIGHT, WIDTH = 128, 128


class Camera:
    def __init__(self, delay):
        self.grabber = start("pipe", delay, HEIGHT * WIDTH)

    def trigger(self):
        self.grabber.stdin.write(b".")
        self.grabber.stdin.flush()

    def read_frame(self):
        data = self.grabber.stdout.read(HEIGHT * WIDTH)  # planted
        return np.frombuffer(data, dtype=np.uint8).reshape(1, 1, HEIGHT, WIDTH)


def build():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.Conv2d(64, 128, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(128, 10),
    ).eval()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="a faster camera, one frame ahead")
    parser.add_argument("--requests", type=int, default=110)
    args = parser.parse_args()
    torch.manual_seed(0)
    model, camera = build(), Camera(0.01 if args.cured else 0.05)
    clock = Clock("io")
    if args.cured:
        camera.trigger()
    for _ in range(args.requests):
        if not args.cured:
            camera.trigger()
        frame = camera.read_frame()
        if args.cured:
            camera.trigger()
        clock.lap("io")
        with torch.inference_mode():
            picture = torch.from_numpy(frame.astype(np.float32) / 255).repeat(2, 1, 1, 1)
            scores = model(picture)
        clock.lap("compute")
        clock.done(int(scores[0].argmax()))
    clock.tell()


if __name__ == "__main__":
    main()
