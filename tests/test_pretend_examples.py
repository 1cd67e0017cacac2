"""Examples on GPUs that exist on paper: what is planted comes first, and what curing it brings is
what was predicted; the cured twin is clean."""

from __future__ import annotations

import pytest

import infprof
from infprof.profiler.recording import Gpu
from infprof.reports.report import Report
from tests.build import A100
from tests.pretend_examples import PRETENDED, recorded
from tests.pretend_gpu import H200
from tests.run_example import SEVERE, expected, names

CHIPS = [pytest.param(chip, id=chip.name.split()[1]) for chip in (A100, H200)]

NEAR = 0.1
"""Of the slow request: so far may a prediction be off. A replay makes device work shorter, and
keeps the gaps between pieces of it that are no more."""


OTHER_REQUESTS = ("shared_gpu", "weight_streaming")
"""Whose cured twin has more rows in a request."""


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("name", PRETENDED)
def test_what_is_planted_comes_first_and_is_worth_what_was_said(name: str, chip: Gpu) -> None:
    slow, cured = (diagnosed(name, chip, cured=cured) for cured in (False, True))
    assert [one.rule for one in slow.findings][:1] == [expected(name)]
    if name in OTHER_REQUESTS:
        return
    saving, wall = slow.findings[0].saving, slow.breakdown.wall_ms
    saved = wall - cured.breakdown.wall_ms
    assert saving.low_ms - NEAR * wall <= saved <= saving.high_ms + NEAR * wall


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("name", PRETENDED)
def test_what_is_cured_is_clean(name: str, chip: Gpu) -> None:
    found = diagnosed(name, chip, cured=True).findings
    assert [one.rule for one in found if one.severity in SEVERE] == []
    assert expected(name) not in [one.rule for one in found]


def test_every_example_for_a_gpu_is_run_on_paper() -> None:
    assert sorted(PRETENDED) == names(gpu=True)


def test_a_copy_that_waits_for_the_model_is_not_what_is_slow() -> None:
    report = diagnosed("misread_copy", A100, cured=False)
    copying = [one.share for one in report.breakdown.stages if one.stage == "h2d"]
    assert copying[0] < 0.01  # though the call lasts nearly as long as the request
    of_copies = ("pageable-copies", "unoverlapped-copies", "hot-path-syncs")
    assert not {one.rule for one in report.findings} & set(of_copies)


def test_a_gpu_that_nvml_calls_full_may_do_little() -> None:
    pytest.importorskip("infprof.rules.catalog.misleading_utilization")
    found = diagnosed("launch_bound", A100, cured=False).findings
    (about,) = [one for one in found if one.rule == "misleading-utilization"]
    assert about.severity == "info" and "98 % utilization" in about.why


def diagnosed(name: str, chip: Gpu, *, cured: bool) -> Report:
    """The report, which adds up."""
    report = infprof.diagnose(recorded(name, chip, cured=cured))
    assert sum(one.exposed_ns for one in report.breakdown.stages) == report.breakdown.wall_ns
    assert not [one for one in report.verdicts if one.outcome == "FAILED"]
    return report
