"""Pictures are normalised pixel by pixel."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "preprocess",
    "stage_also": ["python"],  # the lists that the loops go through are garbage to collect
    "function": "normalise",
    "rule": "python-loops",
    "also": [],
    # The lists are garbage: gc.freeze() before the loop, and nothing else, takes the script from
    # 6.6 s to 4.1 s of CPU time.
    "true_too": ["gc-pauses"],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load(rng):
    return rng.integers(0, 256, (100, 100, 3), dtype=np.uint8)


def normalise(picture):
    rows = picture.tolist()
    out = np.empty((3, len(rows), len(rows[0])), dtype=np.float32)
    for y, row in enumerate(rows):
        for x, pixel in enumerate(row):  # planted
            for channel in range(3):  # planted
                value = pixel[channel] / 255.0 - MEAN[channel]  # planted
                out[channel, y, x] = value / STD[channel]  # planted
    return torch.from_numpy(out)


def normalise_at_once(picture):
    scaled = (picture / 255.0 - np.array(MEAN)) / np.array(STD)
    return torch.from_numpy(scaled.astype(np.float32)).permute(2, 0, 1)


@torch.inference_mode()
def predict(model, pixels):
    return model(pixels.unsqueeze(0))


def label(scores):
    return {"class": int(scores.argmax()), "sure": bool(scores.max() > 0.5)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true")
    parser.add_argument("--requests", type=int, default=320)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(3, 40, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(40, 80, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.Conv2d(80, 80, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(80, 20),
    ).eval()
    prepare = normalise_at_once if args.cured else normalise
    clock = Clock("preprocess")
    for _ in range(args.requests):
        pixels = prepare(load(rng))
        clock.lap("preprocess")
        scores = predict(model, pixels)
        clock.lap("compute")
        answer = label(scores)
        clock.lap("postprocess")
        clock.done(answer["class"])
    clock.tell()


if __name__ == "__main__":
    main()
