"""Examples for a GPU that can run on any device: the cure changes the time, not the answer."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests import run_small
from tests.run_example import EXAMPLES, names

pytest.importorskip("torch")

ROUNDED = 0.01
"""16 and 8 bits round; means and norms of many numbers hardly notice."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[float]]]:
    """What each example answered, slow and cured."""
    done = subprocess.run(
        [sys.executable, run_small.__file__],
        cwd=tmp_path_factory.mktemp("small"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[list[float]]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", run_small.SMALL)
def test_the_cure_gives_the_same_answers(name: str, served: dict[str, list[list[float]]]) -> None:
    slow, cured = served[name]
    assert len(slow) == run_small.REQUESTS and min(slow) > 0
    assert cured == pytest.approx(slow, rel=ROUNDED)


def test_every_example_that_can_run_here_does() -> None:
    texts = {name: (EXAMPLES / f"{name}.py").read_text() for name in names(gpu=True)}
    assert [name for name, text in texts.items() if "def serve(" in text] == sorted(run_small.SMALL)
