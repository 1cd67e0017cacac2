"""A rule whose tests leave an outcome out is told of, and one of whose tests a part was run is not.

That holds for the files in ``tests/rules`` by the ``conftest`` there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infprof.profiler import registry
from tests.programs import Ended, start
from tests.test_house import ROOT

RULES = registry.names("infprof.rules.catalog")

CONFTEST = "from tests.rules.conftest import every_outcome_was_seen, pytest_deselected\n"

FILE = """\
import pytest
from tests.build import recording
from tests.rules.judge import verdict_of

@pytest.mark.parametrize("text", ["main: 0-1 request", "main: 0-2 request"])
def test_one(text):
    assert verdict_of("autograd-enabled", recording(text))

def test_two():
    pass
"""


def pytest_of(folder: Path, *selection: str) -> Ended:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_autograd_enabled.py").write_text(FILE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *selection]
    return start(command, folder, env={"PYTHONPATH": str(ROOT)})


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_has_a_file_of_tests(rule: str) -> None:
    assert (ROOT / "tests" / "rules" / f"test_{rule.replace('-', '_')}.py").is_file()


def test_what_is_missing_is_told_at_the_end(tmp_path: Path) -> None:
    ended = pytest_of(tmp_path)
    assert ended.code == 1 and b"3 passed, 1 error" in ended.out
    assert b"no test of autograd-enabled ends in FOUND" in ended.out


@pytest.mark.parametrize("part", [["test_autograd_enabled.py::test_one"], ["-k", "0-1 or two"]])
def test_a_part_of_a_file_shows_nothing(part: list[str], tmp_path: Path) -> None:
    assert pytest_of(tmp_path, *part).code == 0
