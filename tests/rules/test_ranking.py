"""Findings are told by what they save; what is worth alike, as it is best tried."""

from __future__ import annotations

from types import ModuleType
from typing import get_args

import pytest

from infprof.rules.blockers import settled
from infprof.rules.choice import Choice, catalog
from infprof.rules.finding import Finding, Fix, Outcome, Saving, Step, Verdict
from infprof.rules.ranking import ranked


def found(rule: str, saved: int, step: Step | None = None, stage: str = "compute") -> Verdict:
    finding = Finding("Do", "Why.", stage, Saving(0, saved), Fix("", "", ""))
    return Verdict(rule, Outcome.FOUND, findings=(finding,), step=step)


def order(*verdicts: Verdict) -> str:
    return " ".join(rule for rule, _ in ranked(list(verdicts)))


ALIKE = (
    found("smaller", 100, "model"),
    found("bf16", 99, "precision"),
    found("batch", 95, "batching"),
    found("feed", 91, "pipeline"),
)


def test_what_is_worth_alike_goes_from_the_pipeline_to_the_model() -> None:
    assert order(*ALIKE) == order(*reversed(ALIKE)) == "feed batch bf16 smaller"


def test_what_saves_clearly_more_comes_first_whatever_it_changes() -> None:
    assert order(found("feed", 89, "pipeline"), found("smaller", 100, "model")) == "smaller feed"


def test_it_is_alike_to_the_first_of_them_and_not_to_the_one_before() -> None:
    chain = [found("smaller", 100, "model"), found("b", 92, "model"), found("c", 84, "pipeline")]
    assert order(*chain) == "smaller b c"


def test_within_a_step_the_larger_saving_comes_first() -> None:
    assert order(found("less", 95), found("more", 96)) == "more less"


def test_what_is_worth_the_same_and_is_of_one_step_goes_by_name() -> None:
    assert order(found("second", 5), found("first", 5)) == "first second"


@pytest.mark.parametrize("stage", ["io", "preprocess", "h2d", "d2h", "python", "queue"])
def test_unless_a_rule_says_it_only_compute_is_the_model_s(stage: str) -> None:
    pair = found("after", 100, stage="compute"), found("before", 95, stage=stage)
    assert order(*pair) == "before after"


def test_what_saves_no_time_comes_last_and_in_order() -> None:
    none = found("model", 0), found("pipeline", 0, "pipeline"), found("worth", 1)
    assert order(*none) == "worth pipeline model"


def test_nothing_found_is_nothing_told() -> None:
    assert order() == "" == order(Verdict("clear", Outcome.CLEAR))


def test_a_rule_says_its_step_itself() -> None:
    rules = {"late": ModuleType("late"), "early": ModuleType("early")}
    rules["early"].__dict__["STEP"] = "batching"
    verdicts = settled([found("late", 100), found("early", 95)], Choice(rules))
    assert order(*verdicts) == "early late"


def test_each_rule_names_a_step_that_there_is() -> None:
    named = {getattr(rule, "STEP", None) for rule in catalog().values()}
    assert named <= {None, *get_args(Step)}
    assert catalog()["single-item-batches"].STEP == "batching"
    assert catalog()["full-precision-compute"].STEP == "precision"
    assert catalog()["launch-bound-forward"].STEP == "model"
