"""What one rule finds may make another's finding wrong, or all numbers doubtful."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Literal

import pytest

from infprof.rules.blockers import ANY_OTHER, settled
from infprof.rules.choice import Choice, catalog
from infprof.rules.finding import Confidence, Finding, Fix, Outcome, Saving, Verdict
from infprof.rules.ranking import ranked


def found(rule: str, confidence: Confidence = "A") -> Verdict:
    finding = Finding("Do", "Why.", "python", Saving(1, 2, confidence), Fix("", "", ""))
    return Verdict(rule, Outcome.FOUND, findings=(finding,))


def module(**attributes: object) -> ModuleType:
    made = ModuleType("made")
    made.__dict__.update(attributes)
    return made


def outcomes(verdicts: list[Verdict]) -> dict[str, Outcome]:
    return {one.rule: one.outcome for one in settled(verdicts)}


def test_launch_gaps_of_a_thread_that_waits_for_the_interpreter_are_not_told() -> None:
    both = [found("gil-contention"), found("launch-bound-forward")]
    assert outcomes(both) == {
        "gil-contention": Outcome.FOUND,
        "launch-bound-forward": Outcome.UNKNOWN,
    }
    assert settled(both)[1].reason.startswith("gil-contention comes first: the thread that")


@pytest.mark.parametrize(
    ("blocker", "rule"),
    [
        ("recompiles", "launch-bound-forward"),
        ("single-item-batches", "weight-streaming"),
        ("missing-dynamic-batching", "weight-streaming"),
        ("dequantization", "weight-streaming"),
        ("kv-cache-pressure", "admission-limit"),
        ("thread-oversubscription", "uncompiled-model"),
        ("unfused-attention", "uncompiled-model"),
        ("low-gpu-clocks", "unaligned-products"),
        ("missed-prefix-reuse", "prefill-stalls-decode"),
    ],
)
def test_what_must_be_mended_first_withholds_the_other(blocker: str, rule: str) -> None:
    assert outcomes([found(blocker), found(rule)])[rule] is Outcome.UNKNOWN
    assert outcomes([Verdict(blocker, Outcome.CLEAR), found(rule)])[rule] is Outcome.FOUND


@pytest.mark.parametrize(
    ("of_the_blocker", "outcome"),
    [(49, Outcome.FOUND), (50, Outcome.UNKNOWN), (0, Outcome.UNKNOWN)],
)
def test_a_blocker_hides_only_what_it_may_be_behind(of_the_blocker: int, outcome: Outcome) -> None:
    basis: Literal["bound", "none"] = "bound" if of_the_blocker else "none"
    small, large = (
        replace(found(rule).findings[0], saving=saving)
        for rule, saving in (
            ("starved-cpu", Saving(0, of_the_blocker, "C", basis)),
            ("launch-bound-forward", Saving(0, 100, "B")),
        )
    )
    verdicts = [
        replace(found("starved-cpu"), findings=(small,)),
        replace(found("launch-bound-forward"), findings=(large,)),
    ]
    assert outcomes(verdicts)["launch-bound-forward"] is outcome


def test_a_rule_about_the_machine_is_known_as_such() -> None:
    verdicts = settled([found("starved-cpu"), found("python-loops")])
    assert [one.about_machine for one in verdicts] == [True, False]


def test_alone_it_is_told() -> None:
    verdicts = [Verdict("gil-contention", Outcome.CLEAR), found("launch-bound-forward")]
    assert outcomes(verdicts)["launch-bound-forward"] is Outcome.FOUND


@pytest.mark.parametrize(("before", "after"), [("A", "B"), ("B", "C"), ("C", "C")])
def test_an_invalid_load_test_lowers_all_others_by_a_step(
    before: Confidence, after: Confidence
) -> None:
    verdicts = settled([found("invalid-load-test", before), found("server-queue", before)])
    assert [one.findings[0].saving.confidence for one in verdicts] == [before, after]


def test_what_doubts_the_others_comes_first_whatever_it_saves() -> None:
    quick = replace(found("invalid-load-test").findings[0], saving=Saving(0, 0, "C", "none"))
    verdicts = settled(
        [replace(found("invalid-load-test"), findings=(quick,)), found("blocking-io")]
    )
    assert [rule for rule, _ in ranked(verdicts)] == ["invalid-load-test", "blocking-io"]


def test_a_rule_of_the_user_s_can_say_it_too() -> None:
    rules = {"first": module(), "second": module(NOT_WHILE={"first": "it is"})}
    verdicts = settled([found("first"), found("second")], Choice(rules))
    assert verdicts[1].reason == "first comes first: it is"


def test_what_names_nothing_well_blocks_nothing() -> None:
    rules = {"first": module(), "second": module(NOT_WHILE=["first"])}
    verdicts = settled([found("first"), found("second")], Choice(rules))
    assert verdicts[1].outcome is Outcome.FOUND


def test_what_is_named_is_a_rule() -> None:
    known = catalog()
    for rule, one in known.items():
        for blocker, why in getattr(one, "NOT_WHILE", {}).items():
            assert blocker in (*known, ANY_OTHER) and blocker != rule, rule
            assert len(why.split()) >= 5 and not why.endswith("."), rule
