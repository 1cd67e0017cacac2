"""Chats share an engine with a few long documents, whose prompts go into one step as a whole."""

import argparse

from _engine import Engine, Simulation, User
from _page import show

ZOO = {
    "how": "attach",
    "stage": "compute",
    "function": "main",
    "rule": "prefill-stalls-decode",
    "also": [],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="documents have their own engine")
    args = parser.parse_args()
    chats = [User(prompt=200, answer=150) for _ in range(24)]
    documents = [User(prompt=7000, answer=40, thinks_s=1) for _ in range(3)]  # planted
    show(Simulation(Engine(step_tokens=16_384), chats if args.cured else chats + documents))


if __name__ == "__main__":
    main()
