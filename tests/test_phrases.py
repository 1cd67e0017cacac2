"""The sentences and fact lines that all formats share."""

from __future__ import annotations

import math
from typing import Any

import pytest

from infprof.reports import facts, phrases
from infprof.reports.report import Chart, Device, SavingRow, Tool, VerdictRow
from tests.sample_report import healthy, sample


def saving(low: float, high: float, **changes: Any) -> SavingRow:
    row = SavingRow(
        basis="replay",
        low_ms=low,
        high_ms=high,
        share_low=low / 20,
        share_high=high / 20,
        speedup_low=20 / (20 - low),
        speedup_high=20 / (20 - high),
        confidence="A",
    )
    return row.model_copy(update=changes)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (saving(2, 4),
         "would save 2.00 to 4.00 ms per request (10 to 20 % of the wall; up to 1.25x)"),
        (saving(0, 4), "would save at most 4.00 ms per request (20 % of the wall; up to 1.25x)"),
        (saving(2, 4, confidence="C"),
         "would save at most 4.00 ms per request (20 % of the wall; up to 1.25x)"),
        (saving(4, 4, basis="measured"), "saved 4.00 ms per request (20 % of the wall; 1.25x)"),
        (saving(2, 4, speedup_high=math.inf),
         "would save 2.00 to 4.00 ms per request (10 to 20 % of the wall)"),
        (saving(0, 0), "no saving in time is claimed"),
        (saving(2, 4, basis="none"), "no saving in time is claimed"),
        (saving(2, 4, high_ms=math.nan), "no saving in time is claimed"),
    ],
)  # fmt: skip
def test_a_saving_is_said_as_what_it_is(row: SavingRow, text: str) -> None:
    assert phrases.saving(row) == text


def test_trust_is_said_in_words() -> None:
    assert "within about 10 %" in phrases.trust(saving(1, 2))
    assert "ceiling" in phrases.trust(saving(1, 2, confidence="C", basis="bound"))
    assert "not about time" in phrases.trust(saving(0, 0, basis="none"))


def test_no_findings_means_fine_only_if_something_was_judged() -> None:
    report = healthy()
    assert phrases.no_findings(report).startswith("Nothing is worth changing here: 4 rules looked")
    report.verdicts.append(VerdictRow(rule="x", outcome="UNKNOWN"))
    assert phrases.no_findings(report).endswith("1 rule could not judge.")
    report.quality.level = "invalid"
    assert phrases.no_findings(report).startswith("The measurement is not valid")
    report.quality.level, report.verdicts = "good", []
    assert phrases.no_findings(report).startswith("Nothing could be judged")


def test_machine_facts_are_flat_and_what_is_unknown_is_gathered() -> None:
    lines = facts.machine(sample())
    assert ("gpu 0 name", "NVIDIA A100-SXM4-80GB") in lines
    assert ("gpu 0 memory", "85.9 GB") in lines
    assert lines[-1] == ("not known", "gpu 0 uuid, hip")


def test_no_device_has_no_device_facts() -> None:
    assert facts.device(Device(kernels=0, kernel_busy_ms=0, gpu_busy_ms=0)) == []
    assert ("MBU (of peak bandwidth)", "unknown") in facts.device(sample().device)


@pytest.mark.parametrize(
    ("name", "source", "device", "title"),
    [
        ("gpu.sm_clock", "gpu", 1, "GPU 1: sm clock"),
        ("gpu.power", "gpu", None, "GPU: power"),
        ("host.busiest_thread", "host", None, "host: busiest thread"),
        ("queue", "", None, "queue"),
    ],
)
def test_charts_have_readable_titles(
    name: str, source: str, device: int | None, title: str
) -> None:
    assert facts.chart_title(Chart(name=name, unit="%", source=source, device=device)) == title


COSTS = {"open_windows": 60.0, "new_cause": 30.0, "close_windows": 20.0, "write_marks": 10.0}


@pytest.mark.parametrize(
    ("costs", "program_ms", "text"),
    [
        (COSTS, 31_000.0,
         "infprof itself took 120 ms of 31.0 s (0.4 %): opening windows 60.0 ms, "
         "new cause 30.0 ms, closing windows 20.0 ms, other 10.0 ms."),
        ({"open_windows": 60.0}, None, "infprof itself took 60.0 ms: opening windows 60.0 ms."),
        ({"open_windows": 60.0}, 50.0, "infprof itself took 60.0 ms: opening windows 60.0 ms."),
        ({"open_windows": math.nan}, 50.0, None),
        ({}, 31_000.0, None),
    ],
)  # fmt: skip
def test_our_own_cost_is_one_sentence(
    costs: dict[str, float], program_ms: float | None, text: str | None
) -> None:
    assert phrases.overhead(Tool(version="1", overhead=costs, program_ms=program_ms)) == text


def test_the_users_functions_of_all_stages_are_one_list() -> None:
    rows = facts.code(sample(), 2)
    assert [(row.name, row.stage) for row in rows] == [
        ("handle (serve_resnet.py:61)", "compute"),
        ("load (serve_resnet.py:31)", "preprocess"),
    ]


def test_few_samples_of_a_stage_are_said_to_be_few() -> None:
    stage = sample().flame[0]
    assert phrases.flame_stage(stage) == "220 samples, 55 % of all"
    stage.samples = 7
    assert phrases.flame_stage(stage).endswith(": too few for small differences")
