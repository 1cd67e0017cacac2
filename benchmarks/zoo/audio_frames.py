"""Speech features are computed frame by frame in a Python loop."""

import argparse
import math

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "preprocess",
    "function": "features",
    "rule": "python-loops",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}

FRAME, HOP, BANDS = 256, 64, 32
WINDOW = np.hanning(FRAME)


def features(samples):
    rows = []
    for start in range(0, len(samples) - FRAME + 1, HOP):
        power = np.abs(np.fft.rfft(samples[start : start + FRAME] * WINDOW))[: BANDS * 4]
        bands = []
        for band in range(BANDS):
            total = 0.0
            for value in power[band * 4 : band * 4 + 4]:  # planted
                total += value * value  # planted
            bands.append(math.log(total + 1e-9))  # planted
        rows.append(bands)
    return torch.tensor(rows, dtype=torch.float32)


def features_at_once(samples):
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP] * WINDOW
    power = np.abs(np.fft.rfft(frames, axis=1))[:, : BANDS * 4] ** 2
    bands = np.log(power.reshape(len(frames), BANDS, 4).sum(2) + 1e-9)
    return torch.from_numpy(bands.astype(np.float32))


class Recogniser(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.GRU(BANDS, 256, batch_first=True)
        self.head = nn.Linear(256, 30)

    def forward(self, frames):
        return self.head(self.body(frames)[0])


def transcribe(scores):
    return "".join(chr(97 + one) for one in scores[0].argmax(-1).tolist() if one < 26)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true")
    parser.add_argument("--requests", type=int, default=200)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = Recogniser().eval()
    extract = features_at_once if args.cured else features
    clock = Clock("preprocess")
    for _ in range(args.requests):
        frames = extract(rng.standard_normal(12_000))
        clock.lap("preprocess")
        with torch.inference_mode():
            scores = model(frames.unsqueeze(0))
        clock.lap("compute")
        text = transcribe(scores)
        clock.lap("postprocess")
        clock.done(len(text))
    clock.tell()


if __name__ == "__main__":
    main()
