"""A detector whose boxes are thinned out by a loop over all pairs."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "postprocess",
    "function": "nms",
    "rule": "cpu-postprocessing",
    "also": ["python-loops"],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": False,
}

SIDE, LIMIT = 38, 0.5


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 96, 3, 2, 1), nn.ReLU(),
            nn.Conv2d(96, 128, 3, 2, 1), nn.ReLU(), nn.Conv2d(128, 5, 1),
        )  # fmt: skip

    def forward(self, x):
        return self.body(x)[0].flatten(1).T


def to_boxes(raw):
    ys, xs = np.divmod(np.arange(len(raw)), SIDE)
    size = 30 + 40 / (1 + np.exp(-40 * raw[:, :2]))
    left, top = xs * 8 + 200 * raw[:, 2], ys * 8 + 200 * raw[:, 3]
    return np.column_stack([left, top, left + size[:, 0], top + size[:, 1], raw[:, 4]])


def overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def nms(boxes):
    waiting = sorted(boxes.tolist(), key=lambda box: -box[4])
    kept = []
    while waiting:
        best = waiting.pop(0)
        kept.append(best)
        waiting = [box for box in waiting if overlap(best, box) < LIMIT]  # planted
    return kept


def nms_at_once(boxes):
    boxes = boxes[np.argsort(-boxes[:, 4], kind="stable")[:60]]
    kept = []
    while len(boxes):
        best, boxes = boxes[0], boxes[1:]
        kept.append(best)
        sides = np.minimum(best[2:4], boxes[:, 2:4]) - np.maximum(best[:2], boxes[:, :2])
        both = sides.clip(0).prod(1)
        areas = (boxes[:, 2:4] - boxes[:, :2]).prod(1)
        boxes = boxes[both / ((best[2:4] - best[:2]).prod() + areas - both) < LIMIT]
    return kept


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true")
    parser.add_argument("--requests", type=int, default=70)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = Detector().eval()
    clock = Clock("postprocess")
    for _ in range(args.requests):
        picture = torch.from_numpy(rng.standard_normal((1, 3, 304, 304), dtype=np.float32))
        clock.lap("preprocess")
        with torch.inference_mode():
            raw = model(picture)
        clock.lap("compute")
        found = (nms_at_once if args.cured else nms)(to_boxes(raw.double().numpy()))
        clock.lap("postprocess")
        clock.done(len(found))
    clock.tell()


if __name__ == "__main__":
    main()
