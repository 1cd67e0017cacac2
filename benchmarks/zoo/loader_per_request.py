"""Each request makes a DataLoader of its own, which starts two workers for a handful of rows."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn
from torch.utils.data import DataLoader, Dataset

ZOO = {
    "stage": "preprocess",
    "stage_also": ["io", "python"],
    "function": "predict",
    "rule": "serial-dataloader",
    "also": ["per-request-setup"],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}

ROWS, WIDTH = 32, 512


class Table(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        return torch.from_numpy((row - row.mean()) / row.std())


class Service:
    def __init__(self):
        layers = [nn.Linear(WIDTH, 2048), nn.ReLU(), nn.Linear(2048, 1024), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.Linear(1024, 8)).eval()

    @torch.inference_mode()
    def predict(self, rows, clock):
        """As the script that evaluates the model after training does it."""
        loader = DataLoader(Table(rows), batch_size=16, num_workers=2)
        found = []
        for batch in loader:  # planted
            clock.lap("loading")
            found += self.model(batch).argmax(1).tolist()
            clock.lap("compute")
        clock.lap("loading")  # ends the workers
        return found

    @torch.inference_mode()
    def predict_at_once(self, rows, clock):
        table = Table(rows)
        batch = torch.stack([table[place] for place in range(len(table))])
        clock.lap("preprocess")
        found = self.model(batch).argmax(1).tolist()
        clock.lap("compute")
        return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="no loader for what is in memory")
    parser.add_argument("--requests", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    service, clock = Service(), Clock(None)  # waiting for workers is io, and python
    predict = service.predict_at_once if args.cured else service.predict
    for _ in range(args.requests or (200 if args.cured else 50)):
        rows = rng.standard_normal((ROWS, WIDTH), dtype=np.float32)
        clock.lap("preprocess")
        clock.done(predict(rows, clock))
    clock.tell()


if __name__ == "__main__":
    main()
