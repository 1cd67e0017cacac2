"""What the settings and the command line ask for, in the report of each command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infprof.asked import Asked
from infprof.judging import Judging, judging
from infprof.profiler.bad_input import BadInput
from tests.build import recording
from tests.programs import write
from tests.test_cli import infprof

READS = "\n".join(
    f"main: {at}-{at + 100} request | main: {at}-{at + 80} range io:read" for at in (0, 200, 400)
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recording in ``out`` in which ``blocking-io`` finds something."""
    folder = tmp_path_factory.mktemp("recorded")
    recording(READS).save(folder / "out" / "recording")
    return folder


def outcomes(folder: Path, *options: str) -> dict[str, tuple[str, str]]:
    code, out, error = infprof(folder, "report", "out", "--json", *options)
    assert code == 0, error
    return {one["rule"]: (one["outcome"], one["reason"]) for one in json.loads(out)["verdicts"]}


def test_a_rule_is_ignored_by_the_command_line(recorded: Path) -> None:
    assert outcomes(recorded)["blocking-io"] == ("FOUND", "")
    found = outcomes(recorded, "--ignore", "blocking-io", "--ignore", "idle-cores")
    assert found["blocking-io"] == found["idle-cores"] == ("IGNORED", "--ignore says so")


@pytest.mark.parametrize("ending", ["html", "txt", "md"])
def test_an_ignored_rule_is_shown_as_not_asked(ending: str, recorded: Path) -> None:
    (recorded / "infprof.toml").write_text('ignore = ["blocking-io"]')
    try:
        code, _, error = infprof(recorded, "report", "out", "-o", f"r.{ending}")
    finally:
        (recorded / "infprof.toml").unlink()
    shown = (recorded / f"r.{ending}").read_text()
    assert code == 0, error
    assert "Not asked, as you wish" in shown and "infprof.toml says so" in shown


@pytest.mark.parametrize("command", [["report", "out"], ["run", "script.py"], ["attach", "1"]])
def test_a_wrong_name_ends_each_command_before_it_begins(
    command: list[str], tmp_path: Path
) -> None:
    write(tmp_path, "print('it ran')\n")
    recording(READS).save(tmp_path / "out" / "recording")
    (tmp_path / "infprof.toml").write_text('ignore = ["blocking-oi"]')
    code, out, error = infprof(tmp_path, *command)
    assert (code, out) == (2, "")
    line = "infprof: infprof.toml: blocking-oi: no such rule; did you mean blocking-io?\n"
    assert error == line


def test_a_run_ignores_what_its_folder_says(tmp_path: Path) -> None:
    write(tmp_path, "import infprof\nwith infprof.request(): pass\n")
    (tmp_path / "infprof.toml").write_text('ignore = ["idle-cores"]')
    code, _, error = infprof(tmp_path, "run", "-o", "out", "script.py")
    assert code == 0, error
    verdicts = json.loads((tmp_path / "out" / "report.json").read_text())["verdicts"]
    assert {one["rule"] for one in verdicts if one["outcome"] == "IGNORED"} == {"idle-cores"}


def test_where_nothing_is_said_no_rule_is_loaded(tmp_path: Path) -> None:
    assert judging(folder=tmp_path) == Judging()


def test_a_rule_s_own_thresholds_are_those_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "infprof.toml").write_text("[thresholds.small-copies]\nmin_copies = 20")
    choice = judging(folder=tmp_path).choice
    assert choice is not None and choice.rules["small-copies"].MIN_COPIES == 20


def test_the_command_line_names_itself(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--ignore: nothing-like-it: no such rule"):
        judging(Asked(ignore=("nothing-like-it",)), tmp_path)
