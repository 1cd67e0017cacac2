"""A long-context service has next to no memory left for its KV cache, and throws requests out."""

import argparse

from _engine import Engine, Simulation, User
from _page import show

ZOO = {
    "how": "attach",
    "stage": "queue",
    "stage_also": ["compute"],
    "function": "main",
    "rule": "kv-cache-pressure",
    "also": ["server-queue"],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="more memory, and an FP8 cache")
    args = parser.parse_args()
    engine = Engine(kv_tokens=200_000 if args.cured else 20_000)  # planted
    users = [User(prompt=2500, answer=250, shared=1600, thinks_s=2) for _ in range(28)]
    show(Simulation(engine, users))


if __name__ == "__main__":
    main()
