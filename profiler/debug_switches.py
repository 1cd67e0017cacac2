"""Which switches for finding bugs are on while the program serves: that they are, and no value.

Some are set for the life of the process, by the environment or the command line; others only around
a call, so that one look at the end would miss them.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any


def _torch() -> Any:
    return sys.modules["torch"]


SWITCHES: dict[str, Callable[[], bool]] = {
    "anomaly_detection": lambda: bool(_torch().is_anomaly_enabled()),
    "deterministic": lambda: bool(_torch().are_deterministic_algorithms_enabled()),
    "deterministic_fill": lambda: bool(
        _torch().are_deterministic_algorithms_enabled()
        and _torch().utils.deterministic.fill_uninitialized_memory
    ),
    # any value, also 0, turns the cache off: torch only asks whether the variable is there
    "no_cuda_cache": lambda: "PYTORCH_NO_CUDA_MEMORY_CACHING" in os.environ,
    "cuda_launch_blocking": lambda: os.environ.get("CUDA_LAUNCH_BLOCKING") == "1",
    "compile_disabled": lambda: os.environ.get("TORCH_COMPILE_DISABLE") == "1",
    "torch_logs": lambda: "TORCH_LOGS" in os.environ,
    "python_dev_mode": lambda: bool(sys.flags.dev_mode),
}


OFTEN = 0.25
"""Of the looks: torch.compile itself detects anomalies while it is at work, some seconds long."""


class DebugSwitches:
    """Looks at each ``look``; ``seen`` says of each switch whether it was on often."""

    def __init__(self) -> None:
        self._looks, self._on = Counter[str](), Counter[str]()

    @property
    def seen(self) -> dict[str, bool]:
        """By the names of ``SWITCHES``. What could not be asked is left out."""
        return {name: self._on[name] >= OFTEN * looks for name, looks in self._looks.items()}

    def look(self) -> None:
        """Ask for each once. What cannot be asked stays unknown."""
        if "torch" not in sys.modules:
            return
        for name, is_on in SWITCHES.items():
            try:
                self._on[name] += is_on()
                self._looks[name] += 1
            except Exception:  # torch is still being imported, or another version
                continue
