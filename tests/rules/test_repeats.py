"""Findings that would save mostly the same time stand behind the first of them."""

from __future__ import annotations

import pytest

from infprof.diagnosis import diagnose
from infprof.profiler.recording import Recording
from infprof.reports import facts
from infprof.rules.finding import Finding, Fix, Saving, Where
from infprof.rules.repeats import repeats
from tests.build import recording
from tests.rules.judge import evidence_of
from tests.sample_report import sample
from tests.test_what_if import loop

HOST = """
    main: 0-100 request
    main: 0-50 range preprocess:decode
    main: 50-80 op aten::mm
    main: 80-100 range postprocess:answer
"""

Row = tuple[str, int] | tuple[str, int, str]


def finding(stage: str, high_us: int, place: str = "") -> Finding:
    where = (Where(place, 1, high_us * 1000),) if place else ()
    return Finding("Do", "Why.", stage, Saving(0, high_us * 1000), Fix("", "", ""), where)


def heads(made: Recording, *rows: Row) -> list[int | None]:
    return repeats(evidence_of(made), [finding(*row) for row in rows])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("preprocess", 50)], [None]),
        ([("preprocess", 50), ("preprocess", 50)], [None, 0]),  # the stage goes only once
        ([("preprocess", 50), ("compute", 30)], [None, None]),
        ([("preprocess", 30), ("preprocess", 20)], [None, None]),  # there is room for both
        ([("preprocess", 40), ("preprocess", 30)], [None, 0]),  # of 30 only 10 are left
        ([("preprocess", 40), ("preprocess", 20)], [None, None]),  # of 20 half is left
        ([("preprocess", 20, "decode"), ("preprocess", 10, "decode")], [None, 0]),
        ([("preprocess", 20, "decode"), ("compute", 10, "decode")], [None, None]),
        ([("preprocess", 20, "a"), ("preprocess", 10, "b")], [None, None]),
        ([("preprocess", 50), ("compute", 30), ("preprocess", 45), ("compute", 28)],
         [None, None, 0, 1]),
        ([("preprocess", 0), ("preprocess", 0)], [None, None]),  # about results, not time
    ],
)  # fmt: skip
def test_what_repeats_what(rows: list[Row], expected: list[int | None]) -> None:
    assert heads(recording(HOST, gpus=()), *rows) == expected


def test_by_replay_what_is_hidden_anyway_is_not_repeated() -> None:
    made = loop(host_us=50, kernel_us=10, waits=False)
    evidence = evidence_of(made)
    assert evidence.replays is not None
    python = evidence.replays.saved_without_ns("python") // 1000
    assert heads(made, ("python", python), ("python", python)) == [None, 0]


def test_a_report_names_the_place_of_the_first() -> None:
    report = diagnose(recording(HOST, gpus=()))
    for one in report.findings:
        assert one.repeats is None or report.findings[one.repeats].repeats is None


def test_groups_are_ranked_and_have_every_finding_once() -> None:
    report = sample()
    groups = facts.groups(report)
    assert [group.rank for group in groups] == [1, 2, 3, 4, 5, 6]
    assert [one.rule for one in groups[3].others] == ["sync-in-loop"]
    assert sum(1 + len(group.others) for group in groups) == len(report.findings)


@pytest.mark.parametrize("head", [-1, 5, 6, 99])
def test_a_document_that_points_nowhere_loses_no_finding(head: int) -> None:
    report = sample()
    report.findings[5].repeats, report.findings[6].repeats = head, 5
    shown = facts.groups(report)
    told = [one.rule for group in shown for one in (group.head, *group.others)]
    assert sorted(told) == sorted(one.rule for one in report.findings)
