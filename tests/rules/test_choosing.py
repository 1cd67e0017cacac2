"""What a user asks for becomes a choice of rules; what names nothing is one clear line."""

from __future__ import annotations

import re
from typing import Any

import pytest

from infprof.profiler.bad_input import BadInput
from infprof.rules.choosing import choose
from infprof.rules.engine import judge
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import evidence_of


def test_an_ignored_rule_is_not_asked_and_not_clear() -> None:
    evidence = evidence_of(recording("main: 0-100 request | main: 0-90 range io:read"))
    verdicts = {one.rule: one for one in judge(evidence, choice=choose([("Blocking-IO", "x")], {}))}
    ignored = verdicts.pop("blocking-io")
    assert (ignored.outcome, ignored.reason, ignored.findings) == (Outcome.IGNORED, "x says so", ())
    assert Outcome.IGNORED not in {one.outcome for one in verdicts.values()}


def test_a_threshold_may_be_written_as_in_the_rule() -> None:
    upper, lower = (
        choose([], {"small-copies": {name: 3}}).rules["small-copies"]
        for name in ("MIN_COPIES", "min_copies")
    )
    assert upper.MIN_COPIES == lower.MIN_COPIES == 3


def test_a_whole_number_will_do_for_a_share() -> None:
    rule = choose([], {"server-queue": {"queue_share": 1}}).rules["server-queue"]
    assert rule.QUEUE_SHARE == 1.0 and isinstance(rule.QUEUE_SHARE, float)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "rule": (
        {"small-copy": {"min_copies": 3}},
        "thresholds: small-copy: no such rule; did you mean small-copies?",
    ),
    "threshold": (
        {"small-copies": {"least_copies": 3}},
        "thresholds.small-copies: least_copies: no such threshold; did you mean min_copies?",
    ),
    "unlike any": (
        {"small-copies": {"zzz": 3}},
        "zzz: no such threshold; known are min_copies, small_bytes",
    ),
    "rule without any": ({"polling-waits": {"zzz": 3}}, "no such threshold; this rule has none"),
    "text": ({"small-copies": {"min_copies": "3"}}, "min_copies: must be a number from 0 up, as 8"),
    "yes": ({"small-copies": {"min_copies": True}}, "must be a number from 0 up"),
    "negative": ({"small-copies": {"min_copies": -1}}, "must be a number from 0 up"),
    "no number": ({"small-copies": {"min_copies": float("nan")}}, "must be a number from 0 up"),
    "endless": ({"small-copies": {"min_copies": float("inf")}}, "must be a number from 0 up"),
    "part": ({"small-copies": {"min_copies": 2.5}}, "must be a whole number, as 8 is"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_one_line(case: str) -> None:
    values, line = WRONG[case]
    with pytest.raises(BadInput, match=re.escape(line)) as error:
        choose([], values, said_by="infprof.toml")
    assert str(error.value).startswith("infprof.toml: ") and "\n" not in str(error.value)


def test_ignoring_what_is_no_rule_is_an_error() -> None:
    with pytest.raises(BadInput, match=re.escape("--ignore: zz: no such rule; `infprof rules`")):
        choose([("zz", "--ignore")], {})
