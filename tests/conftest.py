"""Where torch is not installed, leave out the tests that run it: reading and judging need none."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
WITHOUT_TORCH = find_spec("torch") is None


def _runs_torch(path: Path, seen: frozenset[Path] = frozenset()) -> bool:
    """Whether a test file, a program in it, or a helper it imports from here imports torch."""
    text = path.read_text("utf-8")
    if re.search(r"\b(import torch|from torch\b|importorskip\(.torch)", text):
        return True
    helpers = {HERE / f"{name}.py" for name in re.findall(r"^from tests\.(\w+) import", text, re.M)}
    return any(_runs_torch(one, seen | {path}) for one in helpers - seen if one.is_file())


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave it out, rather than fail at its import."""
    is_test = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    return True if WITHOUT_TORCH and is_test and _runs_torch(collection_path) else None


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say so: what was left out did not pass."""
    return ["torch is not installed: tests that run it are left out"] if WITHOUT_TORCH else []
