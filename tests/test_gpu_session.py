"""The session that a GPU is lent for, as far as it can be tried without one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kept import check_is_small_and_nameless, check_verdict, planted, recordings, said
from tests.run_example import EXAMPLES, expected, names

pytest.importorskip("torch")

ROOT = EXAMPLES.parent


def session(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``scripts/gpu_session.py`` from the top of the repository."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "gpu_session.py"), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
    )


def test_a_dry_session_says_what_it_would_do_with_each_example(tmp_path: Path) -> None:
    done = session("examples", str(tmp_path), "--dry")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    wanted = ["image_service", *names(gpu=True)]
    assert len(lines) == 4 * len(wanted)
    for name in wanted:
        runs = [line for line in lines if f"/{name}.py " in line]
        assert [line.endswith(" --cured") for line in runs] == [False, True]
        after = lines[lines.index(runs[0]) + 1]
        assert f"expects {expected(name)}; kept as {tmp_path}/recordings/{name}-" in after
    assert not list(tmp_path.iterdir())


def test_a_dry_overhead_measures_nothing(tmp_path: Path) -> None:
    done = session("overhead", str(tmp_path), "--dry")
    assert done.returncode == 0 and "image_service.py" in done.stdout
    assert not list(tmp_path.iterdir())


def test_an_example_that_is_none_is_refused(tmp_path: Path) -> None:
    done = session("examples", str(tmp_path), "no_such_example")
    assert done.returncode == 1 and done.stderr == "No such example: no_such_example.\n"


@pytest.mark.slow
def test_a_session_keeps_what_the_tests_read(tmp_path: Path) -> None:
    done = session("examples", str(tmp_path), "one_by_one")
    assert done.returncode == 0, done.stdout + done.stderr
    kept = recordings(tmp_path / "recordings")
    assert sorted(said(tmp_path / "recordings")) == [path.name for path in kept]
    assert len(kept) == 2 and {planted(path.name) for path in kept} == {None, "single-item-batches"}
    for path in kept:
        check_verdict(path)
        check_is_small_and_nameless(path)
    table = (tmp_path / "examples.md").read_text()
    assert "| one_by_one | single-item-batches |" in table and "| NO |" not in table
