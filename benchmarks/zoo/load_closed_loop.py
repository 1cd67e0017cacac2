"""Twenty users wait for each answer in a load test: a stall of the server is in few percentiles."""

import argparse
from pathlib import Path

from _load import closed_loop, open_loop, write_bench, write_vegeta

ZOO = {
    "how": "report",
    "file": "load.json",
    "function": "main",
    "rule": "invalid-load-test",
    "also": [],
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": False,
}

USERS, SECONDS, STALLS = 20, 120.0, (50.0, 2.0)
"""Every 50 s the server stalls for 2 s, as when it writes its logs."""


def one(drawn):
    return drawn.uniform(0.015, 0.025)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cured", action="store_true", help="send at a given rate")
    args = parser.parse_args()
    if args.cured:
        return write_vegeta(args.out, open_loop(35, SECONDS, one, STALLS))
    sent = closed_loop(USERS, SECONDS, one, STALLS)  # planted
    write_bench(args.out, sent, USERS)


if __name__ == "__main__":
    main()
