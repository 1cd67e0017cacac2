"""Thresholds are read from a rule's module, and changed only in a copy of it."""

from __future__ import annotations

import inspect
from types import ModuleType

from infprof.rules.catalog import small_copies
from infprof.rules.choice import Choice, catalog
from infprof.rules.engine import judge
from infprof.rules.finding import Outcome
from infprof.rules.thresholds import thresholds, with_thresholds
from tests.build import recording
from tests.rules.judge import evidence_of

COPIES = "main: 0-100 request\n" + "\n".join(
    f"main: {10 * n}-{10 * n + 9} call cudaMemcpyAsync #{n}\n"
    f"s7: {10 * n + 1}-{10 * n + 9} copy Memcpy HtoD (Pageable -> Device) #{n} @1000"
    for n in range(9)
)


def outcome(choice: Choice | None = None) -> Outcome:
    verdicts = judge(evidence_of(recording(COPIES)), choice=choice)
    return next(one.outcome for one in verdicts if one.rule == "small-copies")


def test_a_threshold_has_its_value_and_its_reason() -> None:
    found = thresholds(small_copies)
    assert found["min_copies"].value == small_copies.MIN_COPIES == 8
    assert found["min_copies"].reason and "\n" not in found["min_copies"].reason


def test_switches_texts_and_imported_numbers_are_no_thresholds() -> None:
    for rule, module in catalog().items():
        for name, one in thresholds(module).items():
            assert not isinstance(one.value, bool), rule
            assert f"\n{name.upper()}" in inspect.getsource(module)


def test_another_threshold_gives_another_verdict() -> None:
    stricter = with_thresholds(small_copies, {"min_copies": 10})
    assert outcome() is Outcome.FOUND
    assert outcome(Choice({**catalog(), "small-copies": stricter})) is Outcome.CLEAR


def test_the_module_of_all_others_stays_as_it_is() -> None:
    changed = with_thresholds(small_copies, {"min_copies": 10})
    assert (changed.MIN_COPIES, small_copies.MIN_COPIES) == (10, 8)
    assert catalog()["small-copies"] is small_copies
    assert changed.check is not small_copies.check


def test_what_is_not_changed_stays() -> None:
    changed = with_thresholds(small_copies, {"min_copies": 10})
    assert changed.__doc__ == small_copies.__doc__
    assert changed.NEEDS == small_copies.NEEDS
    assert thresholds(small_copies)["small_bytes"].value == changed.SMALL_BYTES


def test_every_rule_can_be_made_anew() -> None:
    for rule, module in catalog().items():
        values = {name: one.value for name, one in thresholds(module).items()}
        assert callable(with_thresholds(module, values).check), rule


def test_a_module_without_its_source_has_none() -> None:
    assert thresholds(ModuleType("of_a_stranger")) == {}
