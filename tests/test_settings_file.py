"""The settings file: which one counts, and what is said of a wrong one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infprof.profiler.bad_input import BadInput
from infprof.settings_file import Settings, read_settings

IGNORE = 'ignore = ["small-copies"]\n'
SHARED = f"[project]\nname = 'shop'\n[tool.infprof]\n{IGNORE}"


def said(folder: Path) -> str:
    with pytest.raises(BadInput) as error:
        read_settings(folder)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_without_a_file_nothing_is_said(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == Settings() == read_settings(None)


def test_a_file_above_the_working_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "infprof.toml").write_text(IGNORE)
    (tmp_path / "a" / "b").mkdir(parents=True)
    found = read_settings(tmp_path / "a" / "b")
    assert (found.ignore, found.file) == (("small-copies",), "../../infprof.toml")


def test_our_own_file_comes_before_the_shared_one(tmp_path: Path) -> None:
    (tmp_path / "infprof.toml").write_text("[thresholds.small-copies]\nmin_copies = 20\n")
    (tmp_path / "pyproject.toml").write_text(SHARED)
    found = read_settings(tmp_path)
    assert (found.ignore, found.thresholds) == ((), {"small-copies": {"min_copies": 20}})


def test_a_nearer_shared_file_comes_before_our_own_further_up(tmp_path: Path) -> None:
    (tmp_path / "infprof.toml").write_text("")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "pyproject.toml").write_text(SHARED)
    assert read_settings(tmp_path / "shop").file == "pyproject.toml"


@pytest.mark.parametrize(
    "text",
    [
        "[tool.infprof]\nignore = ['small-copies']",
        '["tool"."infprof"]\nignore = ["small-copies"]',
        "[ tool . infprof ]\nignore = ['small-copies']",
        "[tool]\ninfprof = {ignore = ['small-copies']}",
        "tool.infprof.ignore = ['small-copies']",
        "tool = {infprof = {ignore = ['small-copies']}}",
    ],
)
def test_however_toml_writes_a_table(text: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert read_settings(tmp_path).ignore == ("small-copies",)


def test_a_shared_file_without_our_table_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "infprof.toml").write_text(IGNORE)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "pyproject.toml").write_text("[tool.ruff]\nsrc = ['infprof']\n")
    assert read_settings(tmp_path / "shop").ignore == ("small-copies",)


def test_files_that_say_nothing_of_us_need_no_parser(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\nsrc = ['infprof']\n")
    code = (
        "import sys, pathlib; from infprof.settings_file import read_settings;"
        "read_settings(pathlib.Path.cwd()); print({'tomllib', 'tomli'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert out.stdout == "set()\n", out.stderr


WRONG: dict[str, tuple[str | bytes, str]] = {
    "no TOML": ("ignore = [", "infprof.toml: is not TOML"),
    "not text": (b"\xff\xfe", "infprof.toml: is not TOML"),
    "unknown": ("ignored = []", "infprof.toml: ignored: no such setting; did you mean ignore?"),
    "unlike any": ("zzz = 1", "zzz: no such setting; known are ignore, thresholds, price_per_hour"),
    "nested": ("[tool.infprof]", "infprof.toml: in a file of ours leave out tool.infprof"),
    "no list": ("ignore = 'small-copies'", "infprof.toml: ignore: must be a list of rules"),
    "no names": ("ignore = [1]", "infprof.toml: ignore: must be a list of rules"),
    "no table": ("thresholds = 3", "infprof.toml: thresholds: must be a table for each rule"),
    "free": ("price_per_hour = 0", "price_per_hour: must be a number above 0"),
    "no price": ("price_per_hour = nan", "price_per_hour: must be a number above 0"),
    "flat": ("[thresholds]\nmin_copies = 3", "thresholds: must be a table for each rule"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_one_line(case: str, tmp_path: Path) -> None:
    text, line = WRONG[case]
    (tmp_path / "infprof.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert line in said(tmp_path)
    assert said(tmp_path).startswith("infprof.toml: ")


def test_our_table_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool]\ninfprof = 3")
    assert "pyproject.toml: tool.infprof must be a table" in said(tmp_path)
