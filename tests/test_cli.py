"""The command line: quick to start, and bad input is one line."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from infprof import __version__
from infprof.cli import _Defaults, main
from infprof.profiler import registry
from infprof.profiler.schedule import Plan
from tests.programs import INFPROF, start, write


def infprof(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    ended = start([*INFPROF, *arguments], folder)
    return ended.code, ended.out.decode(), ended.err.decode()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of a small program in it, which reports only read."""
    folder = tmp_path_factory.mktemp("finished")
    write(folder, "import infprof\nwith infprof.request(): pass\n")
    code, _, error = infprof(folder, "run", "-o", "out", "script.py")
    assert code == 0, error
    return folder


TRACE = {
    "traceEvents": [
        {"ph": "X", "cat": "cpu_op", "name": "aten::add", "pid": 1, "tid": 1, "ts": 10, "dur": 5}
    ]
}


def test_help_is_little_more_than_click() -> None:
    """The bar is 0.2 s; a ratio of CPU times, in turns, holds on slow and on busy machines too."""

    def cpu_seconds(*command: str) -> float:
        process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
        _, process.returncode, usage = os.wait4(process.pid, 0)
        assert process.returncode == 0
        return usage.ru_utime + usage.ru_stime

    turns = [
        (cpu_seconds("-m", "infprof", "--help"), cpu_seconds("-c", "import click"))
        for _ in range(5)
    ]
    ours, click = (min(one) for one in zip(*turns, strict=True))
    assert ours < 1.6 * click


@pytest.mark.parametrize("code", ["import infprof", "import infprof.cli", "dir(infprof)"])
def test_importing_is_nearly_free(code: str) -> None:
    heavy = "('torch', 'numpy', 'pydantic', 'pyarrow', 'jinja2', 'rich', 'psutil')"
    script = f"import infprof, sys; {code}; print([n for n in {heavy} if n in sys.modules])"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout
    assert out == "[]\n"


def test_the_defaults_shown_are_the_plan_s() -> None:
    assert {name: getattr(_Defaults, name) for name in asdict(Plan())} == asdict(Plan())


@pytest.mark.parametrize("command", [[], ["run"], ["report"], ["rules"], ["doctor"]])
def test_each_command_explains_itself(command: list[str]) -> None:
    result = CliRunner().invoke(main, [*command, "-h"])
    assert result.exit_code == 0 and "Usage:" in result.output


def test_the_version_is_printed() -> None:
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


def test_the_catalog_lists_every_rule(tmp_path: Path) -> None:
    code, out, _ = infprof(tmp_path, "rules")
    names = registry.names("infprof.rules.catalog")
    assert code == 0 and names
    assert all(f"{name} " in out for name in names)
    assert "Next: infprof rules" in out


@pytest.mark.parametrize("rule", registry.names("infprof.rules.catalog"))
def test_each_rule_has_its_page(rule: str) -> None:
    result = CliRunner().invoke(main, ["rules", rule])
    assert result.exit_code == 0 and result.output.startswith(rule)
    for part in ("What it looks for", "Why it costs time", "How to fix it", "When to ignore it"):
        assert part in result.output


def listed(*words: str) -> tuple[list[str], str]:
    """The rules that a search lists, and the line about others."""
    result = CliRunner().invoke(main, ["rules", *words])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    found = [line.split()[0] for line in lines if re.match(r"[a-z]+(-[a-z]+)+  ", line)]
    text = " ".join(lines)
    return found, text[text.find("Their pages") : text.find("Next:")]


def test_words_search_the_catalog() -> None:
    found, told = listed("Event", "LOOP")
    assert found == ["blocked-event-loop", "blocking-coroutine"] and "polling-waits" in told
    assert listed("event loop") == (found, told)
    assert listed("IP-ENV-004") == (["debug-switches"], "")
    assert listed("precision")[0][:1] == ["autocast-churn"]  # by its group
    assert listed("tf32") == (["full-precision-compute"], "")  # on its page alone


def test_an_unknown_rule_is_one_line(tmp_path: Path) -> None:
    code, out, error = infprof(tmp_path, "rules", "no-such-rule")
    assert (code, out, error.count("\n")) == (2, "", 1) and "no-such-rule" in error


def test_the_doctor_says_what_can_be_measured(tmp_path: Path) -> None:
    code, out, error = infprof(tmp_path, "doctor")
    assert (code, error) == (0, "") and "Next: infprof run" in out


@pytest.mark.parametrize("path", ["out", "out/recording", "out/recording/recording.json"])
def test_a_report_on_a_recording(path: str, finished: Path) -> None:
    code, out, error = infprof(finished, "report", path)
    assert code == 0 and "1 request" in out
    assert error == f"\nNext: infprof report {path} -o report.html\n"


@pytest.mark.parametrize("packed", [False, True])
def test_a_report_on_a_trace(packed: bool, tmp_path: Path) -> None:
    text = json.dumps(TRACE).encode()
    file = tmp_path / ("trace.json.gz" if packed else "trace.json")
    file.write_bytes(gzip.compress(text) if packed else text)
    code, out, _ = infprof(tmp_path, "report", file.name, "--json")
    assert code == 0 and json.loads(out)["subject"]["kind"] == "trace"


@pytest.mark.parametrize("name", ["r.html", "new/folder/r.md", "r.json", "r.txt", "R.HTML"])
def test_the_ending_picks_the_format(name: str, finished: Path) -> None:
    code, _, error = infprof(finished, "report", "out", "-o", name)
    assert code == 0 and f"Report: {name}" in error
    text = (finished / name).read_text()
    starts = {".html": "<!doctype html", ".json": "{", ".md": "#", ".txt": ""}
    assert text.lower().startswith(starts[Path(name).suffix.lower()]) and len(text) > 300


BAD_REPORTS = {
    "missing": (["nothing.json"], "nothing.json"),
    "empty": (["empty.json"], "empty.json"),
    "no trace": (["notes.txt"], "notes.txt"),
    "other JSON": (["other.json"], "other.json"),
    "folder without a recording": (["."], "."),
    "unreadable": (["/proc/self/mem"], "/proc/self/mem"),
    "broken recording": (["broken"], "broken"),
    "unknown ending": (["trace.json", "-o", "r.pdf"], "r.pdf"),
    "no ending": (["trace.json", "-o", "r"], "r"),
    "unwritable": (["trace.json", "-o", "/proc/x/r.html"], "/proc/x/r.html"),
    "folder in its place": (["trace.json", "-o", "taken.html"], "taken.html"),
}


@pytest.mark.parametrize("case", BAD_REPORTS)
def test_bad_input_is_one_line_that_names_the_file(case: str, tmp_path: Path) -> None:
    (tmp_path / "trace.json").write_text(json.dumps(TRACE))
    (tmp_path / "empty.json").touch()
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "other.json").write_text('{"a": 1}')
    (tmp_path / "taken.html").mkdir()
    (tmp_path / "broken" / "recording").mkdir(parents=True)
    (tmp_path / "broken" / "recording" / "recording.json").write_text("{}")
    arguments, named = BAD_REPORTS[case]
    code, out, error = infprof(tmp_path, "report", *arguments)
    assert (code, out) == (2, ""), error
    assert error.startswith(f"infprof: {named}") and error.count("\n") == 1


@pytest.mark.parametrize(
    "options", [["--no-such-option", "x.py"], [], ["--window", "0", "x.py"], ["--plain", "-1", "x"]]
)
def test_wrong_options_are_refused(options: list[str]) -> None:
    result = CliRunner().invoke(main, ["run", *options])
    assert result.exit_code == 2 and "Error:" in result.output
