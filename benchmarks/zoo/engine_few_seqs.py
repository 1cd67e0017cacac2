"""An engine may work on eight requests at once, though its KV cache has room for hundreds."""

import argparse

from _engine import Engine, Simulation, User
from _page import show

ZOO = {
    "how": "attach",
    "stage": "queue",
    "function": "main",
    "rule": "admission-limit",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="as many as vLLM lets in by itself")
    args = parser.parse_args()
    engine = Engine(max_seqs=256 if args.cured else 8)  # planted
    show(Simulation(engine, [User(prompt=900, answer=160, shared=600) for _ in range(40)]))


if __name__ == "__main__":
    main()
