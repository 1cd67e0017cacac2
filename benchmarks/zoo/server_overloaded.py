"""A single worker is busy for 95 % of the time, so that a request mostly waits for it (M/D/1)."""

import argparse

from _page import show
from _server import TorchServe

ZOO = {
    "how": "attach",
    "stage": "queue",
    "function": "main",
    "rule": "server-queue",
    "also": [],
    "cured_stage": "compute",
    "cured_stage_also": ["unattributed"],
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="a second worker")
    args = parser.parse_args()
    workers = 2 if args.cured else 1  # planted
    show(TorchServe(per_s=95, run_s=0.008, item_s=0.002, instances=workers))


if __name__ == "__main__":
    main()
