"""The JSON report is the Report."""

from __future__ import annotations

import json

import pytest

from infprof.reports import as_json
from infprof.reports.report import SCHEMA, Report
from tests.hostile import HOSTILE, NOT_UTF8, full_of
from tests.sample_report import healthy, sample


@pytest.mark.parametrize("report", [sample(), healthy()], ids=["sample", "healthy"])
def test_it_reads_back_the_same(report: Report) -> None:
    assert Report.model_validate_json(as_json.render(report)) == report
    assert json.loads(as_json.render(report))["schema"] == SCHEMA


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_name_reads_back_the_same(text: str) -> None:
    report = full_of(text)
    assert Report.model_validate_json(as_json.render(report)) == report


def test_a_name_that_is_not_utf8_is_written_out() -> None:
    shown = as_json.render(full_of(NOT_UTF8))
    shown.encode()
    assert json.loads(shown)["subject"]["name"] == "weights-\\udcff\\ud800.bin"


def test_unknown_is_null_and_never_nan() -> None:
    report = sample()
    report.latency.p50_ms, report.breakdown.wall_ms = None, float("nan")
    read = json.loads(as_json.render(report), parse_constant=pytest.fail)
    assert read["latency"]["p50_ms"] is None and read["breakdown"]["wall_ms"] is None


def test_the_hostile_report_has_no_empty_part() -> None:
    whole = json.loads(as_json.render(full_of("x")))
    rows = [whole, *(value for value in whole.values() if isinstance(value, dict))]
    rows += [whole["findings"][0], whole["findings"][0]["fix"], whole["breakdown"]["stages"][0]]
    assert not [key for row in rows for key, value in row.items() if value in ([], {}, "")]
