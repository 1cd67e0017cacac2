"""Each answer is a picture with the boxes drawn in, compressed as PNG."""

import argparse
import io
import json

import numpy as np
import torch
from _truth import Clock
from PIL import Image, ImageDraw
from torch import nn

ZOO = {
    "stage": "postprocess",
    "function": "draw",
    "rule": "cpu-postprocessing",
    "also": ["text-serialization"],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": False,
}

BACKGROUND = Image.linear_gradient("L").resize((1000, 750)).convert("RGB")


def build():
    return nn.Sequential(
        nn.Conv2d(3, 48, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(48, 96, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(96, 128, 3, 1, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(10),
        nn.Conv2d(128, 4, 1),
    ).eval()


def detect(model, pixels):
    with torch.inference_mode():
        return model(pixels)[0].flatten(1).T


def draw(raw):
    picture = BACKGROUND.copy()
    pen = ImageDraw.Draw(picture)
    for number, (x, y, w, h) in enumerate(raw.tolist()):
        left, top = 450 + 2000 * x, 350 + 2000 * y
        box = (left, top, left + 40 + abs(w) * 99, top + 30 + abs(h) * 99)
        pen.rectangle(box, outline=(255, number, 0), width=2)
        pen.text((left, top), f"object {number}", fill=(255, 255, 0))  # planted
    out = io.BytesIO()
    picture.save(out, "PNG")  # planted
    return out.getvalue()


def list_boxes(raw):
    return json.dumps(raw.tolist()).encode()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="let the browser draw")
    parser.add_argument("--requests", type=int, default=80)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model, clock = build(), Clock("postprocess")
    for _ in range(args.requests):
        pixels = torch.from_numpy(rng.standard_normal((1, 3, 224, 224), dtype=np.float32))
        clock.lap("preprocess")
        raw = detect(model, pixels)
        clock.lap("compute")
        answer = list_boxes(raw) if args.cured else draw(raw)
        clock.lap("postprocess")
        clock.done(len(answer))
    clock.tell()


if __name__ == "__main__":
    main()
