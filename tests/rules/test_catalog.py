"""Every rule of the catalog keeps the contract that its page, the engine and a reader rely on."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from infprof.rules.choice import catalog
from infprof.rules.evidence import Need

PARTS = ("What it looks for:", "Why it costs time:", "How to fix it:", "When to ignore it:")
RULES = sorted(catalog().items())
each_rule = pytest.mark.parametrize(("rule", "module"), RULES, ids=[rule for rule, _ in RULES])


def test_there_are_rules() -> None:
    assert RULES


@each_rule
def test_the_id_is_in_kebab_case(rule: str, module: ModuleType) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule)


@each_rule
def test_the_page_has_a_summary_four_parts_and_a_code(rule: str, module: ModuleType) -> None:
    lines = inspect.cleandoc(module.__doc__ or "").splitlines()
    assert lines[0].endswith(".") and lines[1] == ""
    headings = [line for line in lines if line in PARTS]
    assert tuple(headings) == PARTS
    assert re.fullmatch(r"Catalogue: IP-[A-Z0-9]+-\d{3}(, IP-[A-Z0-9]+-\d{3})*", lines[-1])


@each_rule
def test_each_part_says_something(rule: str, module: ModuleType) -> None:
    text = inspect.cleandoc(module.__doc__ or "")
    bodies = re.split("|".join(map(re.escape, (*PARTS, "Catalogue:"))), text)[1:-1]
    assert all(len(body.split()) >= 10 for body in bodies)


@each_rule
def test_needs_are_known_and_check_takes_evidence(rule: str, module: ModuleType) -> None:
    assert isinstance(module.NEEDS, tuple)
    assert set(module.NEEDS) <= set(get_args(Need))
    assert list(inspect.signature(module.check).parameters) == ["evidence"]


@each_rule
def test_every_threshold_gives_its_reason(rule: str, module: ModuleType) -> None:
    body = ast.parse(inspect.getsource(module)).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.Assign) and _is_number(node.value):
            reason = following.value if isinstance(following, ast.Expr) else None
            said = isinstance(reason, ast.Constant) and isinstance(reason.value, str)
            assert said, f"line {node.lineno}: no reason given"


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


@each_rule
def test_the_rule_has_its_own_test(rule: str, module: ModuleType) -> None:
    assert Path(__file__).with_name(f"test_{rule.replace('-', '_')}.py").is_file()
