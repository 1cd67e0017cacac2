"""Once all tests of a rule's file have run, its rule must have been seen in every outcome."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from infprof.profiler import registry
from tests.rules.judge import OUTCOMES, not_seen

RULES = registry.names("infprof.rules.catalog")

left_out: set[Path] = set()
"""Files of which some tests were not asked for: what the others show says nothing."""


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    left_out.update(item.path for item in items)


@pytest.fixture(autouse=True, scope="module")
def every_outcome_was_seen(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails after the last test of a file, and not where only a part of it has run."""
    rule = request.path.stem.removeprefix("test_").replace("_", "-")
    OUTCOMES.pop(rule, None)
    yield
    if rule in RULES and not request.session.testsfailed and _has_run(request):
        missing = not_seen(rule)
        assert not missing, f"no test of {rule} ends in {' or '.join(missing)}"


def _has_run(request: pytest.FixtureRequest) -> bool:
    """Whether every function of the file was asked for, in each of its cases."""
    body = ast.parse(request.path.read_text("utf-8")).body
    written = {one.name for one in body if isinstance(one, ast.FunctionDef)}
    items = [one for one in request.session.items if one.path == request.path]
    asked = {one.originalname for one in items if isinstance(one, pytest.Function)}
    tests = {name for name in written if name.startswith("test_")}
    return tests <= asked and request.path not in left_out
