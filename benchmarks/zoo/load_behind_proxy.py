"""Jobs of up to 45 s stand behind a proxy that gives up after 30: those are errors, and quick."""

import argparse
from pathlib import Path

from _load import open_loop, write_vegeta

ZOO = {
    "how": "report",
    "file": "attack.json",
    "function": "main",
    "rule": "invalid-load-test",
    "also": [],
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": False,
}

PROXY_S, SECONDS, NEVER = 30.0, 3600.0, (1e9, 0.0)


def job(drawn):
    return drawn.uniform(20, 45)


def accepted(drawn):
    return drawn.uniform(0.004, 0.008)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cured", action="store_true", help="take a job at once, and be polled")
    args = parser.parse_args()
    if args.cured:
        return write_vegeta(args.out, open_loop(0.02, SECONDS, accepted, NEVER))
    sent = open_loop(0.02, SECONDS, job, NEVER)
    failed = sum(wall > PROXY_S for _, wall in sent)
    cut = [(due, min(wall, PROXY_S)) for due, wall in sent]  # planted
    write_vegeta(args.out, cut, failed)


if __name__ == "__main__":
    main()
