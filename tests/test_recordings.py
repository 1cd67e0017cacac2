"""Recordings of earlier versions still open, still add up and still get the same first finding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import infprof

HERE = Path(__file__).parent / "recordings"
EXPECTED: dict[str, dict[str, str | None]] = json.loads((HERE / "expected.json").read_text())
KEPT = sorted(path.parent for path in HERE.glob("*/recording.json"))

MOST_BYTES = {"cpu": 300_000, "gpu": 1_000_000}


def test_every_recording_says_what_is_expected_of_it() -> None:
    assert [path.name for path in KEPT] == sorted(EXPECTED)
    assert KEPT


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: path.name)
def test_it_still_gets_the_same_verdict(folder: Path) -> None:
    report = infprof.diagnose(infprof.load(folder))
    assert sum(one.exposed_ns for one in report.breakdown.stages) == report.breakdown.wall_ns > 0
    first = report.findings[0].rule if report.findings else None
    assert {"first": first, "limit": report.verdict.limit} == EXPECTED[folder.name]
    assert not [one for one in report.verdicts if one.outcome == "FAILED"]


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: path.name)
def test_it_is_small_and_names_no_machine(folder: Path) -> None:
    header = infprof.load(folder).header
    kind = "gpu" if header.machine.gpus else "cpu"
    assert sum(path.stat().st_size for path in folder.iterdir()) <= MOST_BYTES[kind]
    assert not [word for word in header.subject.command if "/" in word]
    assert not [gpu.uuid for gpu in header.machine.gpus if gpu.uuid]
