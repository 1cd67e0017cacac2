"""A user's own table: its entries are timed, its frames decide, its mistakes are one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infprof.profiler import names
from infprof.profiler.bad_input import BadInput
from infprof.profiler.tables import read_tables
from infprof.reports.report import Report
from tests.programs import INFPROF, start

STORE = """
import time
def fetch(ms):
    end = time.perf_counter() + ms / 1000
    while time.perf_counter() < end: pass
"""
SCRIPT = """
import shop_store, time
def weigh():
    end = time.perf_counter() + 0.016
    while time.perf_counter() < end: pass
def serve():
    shop_store.fetch(48)
    weigh()
for _ in range(20): serve()
"""


def shares(folder: Path) -> dict[str, float]:
    """Of each stage in a report."""
    report = Report.model_validate_json((folder / "report.json").read_text())
    return {one.stage: one.share for one in report.breakdown.stages}


def test_own_tables_decide(tmp_path: Path) -> None:
    (tmp_path / "shop_store.py").write_text(STORE)
    (tmp_path / "script.py").write_text(SCRIPT)
    own = {
        "entry_points": {"shop_store": {"fetch": "io"}},
        "frames": {"postprocess": r"script\.py.*: weigh$"},
    }
    (tmp_path / "own.json").write_text(json.dumps(own))
    options = ["--call", "__main__:serve", "--tables", "own.json", "-o", "out"]
    ended = start([*INFPROF, "run", *options, "script.py"], tmp_path)
    assert ended.code == 0, ended.err
    found = shares(tmp_path / "out")
    assert 0.65 < found["io"] < 0.85
    assert 0.15 < found["postprocess"] < 0.35


def test_declared_frames_come_first_until_others_are_declared() -> None:
    frame = "site/PIL/Image.py(3): resize"
    try:
        names.declare({"io": "PIL/"})
        assert names.frame_stage(frame) == "io"
    finally:
        names.declare({})
    assert names.frame_stage(frame) == "preprocess"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "Invalid JSON"),
        ('{"frames": {"io": "("}}', "no regular expression"),
        ('{"frames": {"disk": "x"}}', "frames.disk"),
        ('{"frame": {}}', "frame: Extra inputs"),
        ('{"entry_points": {"a": {"b": "soon"}}}', "entry_points.a.b"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "own.json"
    file.write_text(text)
    with pytest.raises(BadInput, match=says) as error:
        read_tables(file)
    assert "own.json" in str(error.value) and "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_tables(tmp_path / "none.json")
