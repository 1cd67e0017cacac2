"""What the installed torch is and sees, asked in a process of its own.

Starting CUDA takes seconds and memory, and a broken driver may end the process that tries.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass

from infprof.profiler.collectors import Unavailable

_QUESTION = """
import json, torch
names = []
if torch.cuda.is_available():
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
print(json.dumps([torch.__version__, torch.version.cuda, torch.version.hip, names]))
"""


@dataclass(frozen=True, slots=True)
class TorchInstall:
    """An installed torch that imports."""

    version: str
    cuda: str | None
    """The CUDA it was built for."""
    hip: str | None
    gpus: tuple[str, ...]
    """Names of the devices that ``torch.cuda`` can use."""

    @property
    def built_for(self) -> str:
        """``CUDA 12.6``, ``ROCm 6.2`` or ``CPU``."""
        if self.hip:
            return f"ROCm {self.hip}"
        return f"CUDA {self.cuda}" if self.cuda else "CPU"


def torch_install(timeout_s: float = 60.0, python: str = sys.executable) -> TorchInstall:
    """Ask. Raises ``Unavailable`` with the reason."""
    if importlib.util.find_spec("torch") is None:
        raise Unavailable("not installed")
    try:
        answer = subprocess.run(
            [python, "-c", _QUESTION],
            capture_output=True, check=True, text=True, timeout=timeout_s,
            # -c puts the current folder on the path: a torch.py of the user's must not answer
            stdin=subprocess.DEVNULL, cwd="/", env=os.environ | {"PYTHONSAFEPATH": "1"},
        )  # fmt: skip
        version, cuda, hip, names = json.loads(answer.stdout.strip().rpartition("\n")[2])
    except subprocess.TimeoutExpired:
        raise Unavailable(f"it does not import within {timeout_s:g} s") from None
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
        raise Unavailable(f"it does not import: {lines[-1]}") from None
    except (OSError, ValueError) as error:
        raise Unavailable(f"it does not answer: {error}") from None
    return TorchInstall(version, cuda, hip, tuple(names))
