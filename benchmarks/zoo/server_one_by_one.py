"""A model server runs the model for one request at a time, and at this rate most of them wait."""

import argparse

from _page import show
from _server import Triton

ZOO = {
    "how": "attach",
    "stage": "queue",
    "function": "main",
    "rule": "missing-dynamic-batching",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="dynamic batching")
    args = parser.parse_args()
    batch = 16 if args.cured else 1  # planted
    show(Triton(per_s=205, run_s=0.004, item_s=0.0005, batch=batch))


if __name__ == "__main__":
    main()
