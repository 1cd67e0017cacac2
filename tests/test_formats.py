"""Formats are found by file name and picked by extension."""

from __future__ import annotations

from pathlib import Path

import pytest

from infprof.reports import as_html, as_json, as_markdown, as_text
from infprof.reports.formats import formats, render_to
from tests.hostile import NOT_UTF8, full_of
from tests.sample_report import sample


def test_every_format_is_known_by_its_extension() -> None:
    ours = {"html": as_html, "json": as_json, "md": as_markdown, "txt": as_text}
    assert ours.items() <= formats().items()


@pytest.mark.parametrize("extension", ["html", "json", "md", "txt", "HTML"])
def test_the_extension_picks_the_format(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"report.{extension}"
    render_to(path, sample())
    assert path.read_text("utf-8") == formats()[extension.lower()].render(sample())


@pytest.mark.parametrize("extension", ["html", "json", "md", "txt"])
def test_names_that_are_not_utf8_can_be_written(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"report.{extension}"
    render_to(path, full_of(NOT_UTF8))
    assert "weights-" in path.read_text("utf-8")


@pytest.mark.parametrize("name", ["report.pdf", "report", ".html", "report.html.gz"])
def test_an_unknown_extension_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"known endings: \.html, \.json, \.md") as caught:
        render_to(tmp_path / name, sample())
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
