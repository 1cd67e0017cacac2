"""docs/catalogue.md: what a diagnosis should cover has a rule, or a reason why there is none."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from infprof.rules.choice import catalog

PAGE = (Path(__file__).parent.parent / "docs" / "catalogue.md").read_text("utf-8")
CODE = r"IP-[A-Z0-9]+-\d{3}"
REASONS = dict(re.findall(rf"^\| ({CODE}) \| [^|]+ \| ([^|]*?) ?\|$", PAGE, re.M))
TECHNIQUES, _, _ = PAGE.partition("## What there is no rule for")
RULES = catalog()


def codes_of(rule: str) -> set[str]:
    last = inspect.cleandoc(RULES[rule].__doc__ or "").splitlines()[-1]
    return set(re.findall(CODE, last))


COVERED = set[str]().union(*(codes_of(rule) for rule in RULES))


def test_there_is_a_row_for_each_code() -> None:
    assert len(REASONS) == 70 and COVERED <= REASONS.keys()


@pytest.mark.parametrize("code", REASONS)
def test_it_has_a_rule_or_a_reason_and_not_both(code: str) -> None:
    reason = REASONS[code]
    assert (code in COVERED) != bool(reason)
    assert not reason or len(reason.split()) >= 10


def test_techniques_name_rules_and_codes_that_there_are() -> None:
    named = set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", TECHNIQUES))
    assert named <= RULES.keys()
    assert set(re.findall(CODE, TECHNIQUES)) <= REASONS.keys()
