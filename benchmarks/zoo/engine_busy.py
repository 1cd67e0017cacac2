"""A language model's engine with much to do: a half full cache, hardly a queue. Healthy."""

import argparse

from _engine import Engine, Simulation, User
from _page import show

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
    users = [User(prompt=1800, answer=250, shared=1200, thinks_s=2) for _ in range(60)]
    show(Simulation(Engine(kv_tokens=55_000), users))  # planted


if __name__ == "__main__":
    main()
