"""A batch job whose DataLoader transforms every item on the thread that runs the model."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn
from torch.utils.data import DataLoader, Dataset

ZOO = {
    "stage": "preprocess",
    "function": "__getitem__",
    "rule": "serial-dataloader",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "rule_when_cured": True,  # on two cores, one worker cannot always keep up
    "cured_stage_also": ["preprocess"],
    "same_output": True,
}

BATCH = 4


class Signals(Dataset):
    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        signal = np.random.default_rng(index).standard_normal(100_000)  # planted
        spectrum = np.abs(np.fft.rfft(signal.reshape(-1, 500), axis=1))  # planted
        return torch.from_numpy(np.log1p(spectrum)[:, :250].astype(np.float32))  # planted


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(250, 768), nn.ReLU(), nn.Linear(768, 256), nn.ReLU())
        self.head = nn.Linear(256, 12)

    def forward(self, x):
        return self.head(self.body(x).mean(1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="one worker process loads ahead")
    parser.add_argument("--requests", type=int, default=140)
    args = parser.parse_args()
    torch.manual_seed(0)
    model = Net().eval()
    loader = DataLoader(
        Signals(BATCH * args.requests),
        batch_size=BATCH,
        num_workers=1 if args.cured else 0,
        prefetch_factor=4 if args.cured else None,
    )
    clock = Clock("preprocess")
    with torch.inference_mode():
        for batch in loader:
            clock.lap("waiting" if args.cured else "preprocess")
            classes = model(batch).argmax(1).tolist()
            clock.lap("compute")
            clock.done(classes)
    clock.tell()


if __name__ == "__main__":
    main()
