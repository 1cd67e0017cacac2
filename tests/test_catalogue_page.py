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


COMING = {
    *(f"IP-ENV-00{number}" for number in (1, 2, 3, 4, 6)),
    *("IP-SRV-003", "IP-SRV-005", "IP-SRV-006", "IP-SCL-001", "IP-SCL-002", "IP-SCL-003"),
    *("IP-H2D-005", "IP-IO-002", "IP-PRE-004", "IP-PRC-007", "IP-CFB-002", "IP-MEM-002"),
}
"""Rules that are being written: take this away with the last of them."""


@pytest.mark.parametrize("code", REASONS)
def test_it_has_a_rule_or_a_reason_and_not_both(code: str) -> None:
    reason = REASONS[code]
    assert (code in COVERED) != bool(reason) or code in COMING
    assert not reason or len(reason.split()) >= 10


def test_techniques_name_rules_and_codes_that_there_are() -> None:
    named = set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", TECHNIQUES))
    assert named <= RULES.keys()
    assert set(re.findall(CODE, TECHNIQUES)) <= REASONS.keys()
