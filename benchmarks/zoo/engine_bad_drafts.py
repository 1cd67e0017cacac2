"""Speculative decoding drafts six tokens at a time, of which the model keeps hardly any."""

import argparse

from _engine import Engine, Simulation, User
from _page import show

ZOO = {
    "how": "attach",
    "stage": "compute",
    "function": "main",
    "rule": "speculative-decoding",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="no speculation")
    args = parser.parse_args()
    engine = Engine() if args.cured else Engine(drafts=6, kept=0.3)  # planted
    show(Simulation(engine, [User(prompt=500, answer=200, shared=300) for _ in range(48)]))


if __name__ == "__main__":
    main()
