"""A detector finds eight objects, and a second model names them one by one."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "name_objects",
    "rule": "single-item-batches",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}

OBJECTS, SIDE = 8, 32


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 24, 5, 4), nn.ReLU(), nn.Conv2d(24, 48, 3, 2), nn.ReLU()
        )
        self.head = nn.Linear(48, OBJECTS * 2)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3))).sigmoid()


def detect(model, picture):
    with torch.inference_mode():
        places = model(picture)[0].view(OBJECTS, 2)
    return [(int(y * (224 - SIDE)), int(x * (224 - SIDE))) for y, x in places.tolist()]


def cut(picture, places):
    return torch.stack([picture[0, :, y : y + SIDE, x : x + SIDE].flatten() for y, x in places])


def name_objects(model, crops):
    with torch.inference_mode():
        return [int(model(crop.unsqueeze(0)).argmax()) for crop in crops]  # planted


def name_objects_at_once(model, crops):
    with torch.inference_mode():
        return model(crops).argmax(1).tolist()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="classify all objects in one call")
    parser.add_argument("--requests", type=int, default=150)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    detector = Detector().eval()
    sizes = [nn.Linear(3 * SIDE * SIDE, 3072), nn.ReLU(), nn.Linear(3072, 2048)]
    classifier = nn.Sequential(*sizes, nn.ReLU(), nn.Linear(2048, 100)).eval()
    name = name_objects_at_once if args.cured else name_objects
    clock = Clock("compute")
    for _ in range(args.requests):
        picture = torch.from_numpy(rng.standard_normal((1, 3, 224, 224), dtype=np.float32))
        clock.lap("preprocess")
        places = detect(detector, picture)
        clock.lap("compute")
        crops = cut(picture, places)
        clock.lap("cutting")
        names = name(classifier, crops)
        clock.lap("compute")
        clock.done(names)
    clock.tell()


if __name__ == "__main__":
    main()
