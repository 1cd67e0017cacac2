"""A load test that sends at its rate whatever the server does, and gets all answers. Healthy."""

import argparse
from pathlib import Path

from _load import open_loop, write_vegeta

ZOO = {
    "how": "report",
    "file": "attack.json",
    "function": "main",
    "rule": "",
    "also": [],
    "healthy": True,
    "same_output": True,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    sent = open_loop(60, 60, lambda drawn: drawn.expovariate(1 / 0.01), (1e9, 0.0))  # planted
    write_vegeta(args.out, sent)


if __name__ == "__main__":
    main()
