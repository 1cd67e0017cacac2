"""Serve the examples that run on any device, on the CPU and with small tensors, slow and cured.

``python run_small.py`` prints what they answered, as JSON. In a process of its own: an example
profiles the process that it runs in.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"

SMALL: dict[str, dict[str, int | str]] = {
    "attention_by_hand": {"SEQUENCES": 1, "HEADS": 2, "POSITIONS": 64, "WIDTH": 16},
    "autocast_weights": {"LAYERS": 2, "WIDTH": 64, "ROWS": 16},
    "fp32_vit": {"PICTURES": 2, "PATCHES": 16, "PATCH": 48, "BLOCKS": 2, "HEADS": 4, "WIDTH": 64},
    "grown_kv": {"TEXTS": 2, "PROMPT": 8, "WORDS": 4, "HEADS": 2, "HEAD_WIDTH": 16, "WIDTH": 32},
    "misread_copy": {"ROWS": 16, "WIDTH": 64, "LAYERS": 2, "PROFILES": 16, "PROFILE": 8},
    "moved_model": {"WIDTH": 64, "HIDDEN": 128, "ROWS": 8},
    "one_answer": {"LAYERS": 2, "WIDTH": 256, "BACKEND": "aot_eager"},
    "shared_gpu": {"PROCESSES": 2, "LAYERS": 2, "WIDTH": 64, "ROWS": 8},
    "unused_gpu": {"LAYERS": 2, "WIDTH": 64, "FEATURES": 16, "ROWS": 8},
    "unpacked_weights": {"LAYERS": 2, "WIDTH": 64, "ROWS": 8},
    "pointwise_chain": {"NUMBERS": 1024, "BACKEND": "aot_eager"},
}
"""Each example's own constants. This backend needs no C++ compiler."""

REQUESTS = 2


def answers(name: str) -> list[list[float]]:
    """Of the slow example and of the cured one."""
    module = import_module(name)
    for constant, value in SMALL[name].items():
        assert isinstance(getattr(module, constant), type(value))
        setattr(module, constant, value)
    return [module.serve(REQUESTS, "cpu", cured=cured) for cured in (False, True)]


if __name__ == "__main__":
    sys.path.insert(0, str(EXAMPLES))
    print(json.dumps({name: answers(name) for name in SMALL}))
