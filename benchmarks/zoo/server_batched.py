"""A model server puts together what waits anyway, under the same load. Healthy."""

import argparse

from _page import show
from _server import Triton

ZOO = {
    "how": "attach",
    "stage": "compute",
    "function": "main",
    "rule": "",
    "also": [],
    "cured_stage": "compute",
    "healthy": True,
    "same_output": True,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="there is nothing to cure")
    parser.parse_args()
    show(Triton(per_s=300, run_s=0.004, item_s=0.0005, batch=8, instances=2))  # planted


if __name__ == "__main__":
    main()
