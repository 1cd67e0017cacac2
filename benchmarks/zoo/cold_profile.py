"""A service is profiled from its first call on, and its model is compiled within the profile."""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile, record_function

ZOO = {
    "how": "report",
    "file": "trace.json",
    "stage": "python",
    "function": "predict",
    "rule": "warmup-in-window",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}


class Service:
    def __init__(self):
        layers = [nn.Linear(512, 2048), nn.GELU(), nn.Linear(2048, 2048), nn.GELU()]
        net = nn.Sequential(*layers, nn.Linear(2048, 32)).eval()
        self.model = torch.compile(net, backend="aot_eager")

    @torch.inference_mode()
    def predict(self, rows):
        return self.model(rows).argmax(-1).tolist()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cured", action="store_true", help="call the model before profiling")
    parser.add_argument("--requests", type=int, default=30)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    service = Service()
    if args.cured:
        for _ in range(3):
            service.predict(torch.zeros(16, 512))
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as seen:
        for _ in range(args.requests):
            rows = torch.from_numpy(rng.standard_normal((16, 512), dtype=np.float32))
            with record_function("request"):
                service.predict(rows)  # planted
    seen.export_chrome_trace(str(args.out))


if __name__ == "__main__":
    main()
