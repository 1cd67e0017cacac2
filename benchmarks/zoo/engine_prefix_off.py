"""All prompts begin with the same long instructions, but the prefix cache is switched off."""

import argparse

from _engine import Engine, Simulation, User
from _page import show

ZOO = {
    "how": "attach",
    "stage": "compute",
    "function": "main",
    "rule": "missed-prefix-reuse",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="vLLM's default")
    args = parser.parse_args()
    engine = Engine(prefix_caching=args.cured)  # planted
    users = [User(prompt=2600, answer=60, shared=2300, thinks_s=3) for _ in range(16)]
    show(Simulation(engine, users))


if __name__ == "__main__":
    main()
