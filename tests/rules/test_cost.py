"""What requests cost, and where a finding may claim a part of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infprof.diagnosis import diagnose
from infprof.judging import Judging
from infprof.profiler.recording import Recording
from infprof.reports.report import Report
from tests.build import recording
from tests.test_cli import infprof

MS = 1000


def served(pause_us: int = 0, **others: Any) -> Recording:
    """Thirty requests of 100 ms, most of which is one read, and as many that are traced."""
    rows, at = [], 0
    for phase in ["plain"] * 30 + ["traced"] * 30:
        rows.append(f"main: {at}-{at + 100 * MS} request {phase}")
        rows.append(f"main: {at}-{at + 80 * MS} range io:read")
        at += 100 * MS + pause_us
    return recording("\n".join(rows), **others)


def report(made: Recording, price: float | None = 3.6) -> Report:
    return diagnose(made, Judging(price_per_hour=price))


def test_a_thousand_requests_cost_their_part_of_the_hour() -> None:
    cost = report(served()).cost
    assert cost is not None and cost.price_per_hour == 3.6
    assert cost.per_1000_requests == pytest.approx(0.1)  # ten a second, 0.001 a second


def test_a_finding_saves_its_share_of_the_cost() -> None:
    made = report(served())
    finding = next(one for one in made.findings if one.rule == "blocking-io")
    assert finding.cost is not None
    assert finding.cost.high_per_1000 == pytest.approx(0.1 * finding.saving.share_high)
    assert finding.cost.low_per_1000 == pytest.approx(0.1 * finding.saving.share_low)


def test_while_the_machine_is_idle_quicker_requests_cost_the_same() -> None:
    made = report(served(pause_us=100 * MS))
    assert made.cost is not None and made.cost.per_1000_requests == pytest.approx(0.2, rel=0.02)
    assert made.cost.missing["savings"].startswith("requests were under way for 51 % of the time")
    assert made.findings and {one.cost for one in made.findings} == {None}


def test_of_a_server_that_others_ask_no_finding_claims_money() -> None:
    made = report(served(kind="attach"))
    assert made.cost is not None and made.cost.per_1000_requests is not None
    assert made.cost.missing["savings"].startswith("others decided how many requests came")
    assert {one.cost for one in made.findings} == {None}


def test_without_throughput_nothing_is_said_of_cost() -> None:
    made = report(recording("main: 0-100 request | main: 0-90 range io:read"))
    assert made.cost is not None and made.cost.per_1000_requests is None
    assert made.cost.missing["per_1000_requests"].startswith("how many requests were served")
    assert {one.cost for one in made.findings} == {None}


def test_without_a_price_there_is_no_cost() -> None:
    assert report(served(), price=None).cost is None


def test_the_command_line_comes_before_the_settings(tmp_path: Path) -> None:
    served().save(tmp_path / "out" / "recording")
    (tmp_path / "infprof.toml").write_text("price_per_hour = 7.2")
    for options, price in (((), 7.2), (("--price-per-hour", "3.6"), 3.6)):
        code, out, error = infprof(tmp_path, "report", "out", "--json", *options)
        assert code == 0, error
        assert json.loads(out)["cost"]["price_per_hour"] == price


@pytest.mark.parametrize("price", ["0", "-1", "nan", "inf"])
def test_a_price_that_is_none_is_one_line(price: str, tmp_path: Path) -> None:
    code, out, error = infprof(tmp_path, "report", "out", "--price-per-hour", price)
    assert (code, out) == (2, "")
    assert error == "infprof: --price-per-hour: must be a number above 0\n"
