"""How infprof is asked about a script of the zoo: as a user asks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from zoo_judge import Result, expected_of, judge, truth_of
from zoo_scripts import Script

LIMIT_SECONDS = 300
"""A script runs for about 8 s; one that needs this long hangs."""

WATCHED_SECONDS = 8
"""A page a second: what is said of how often requests wait takes five."""

ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""How scripts are run whose ``threads`` are not their ``own``: on a busy machine, teams of threads
wait for one another in ways that no run repeats."""


def run(script: Script, cured: bool, number: int, out: Path) -> Result:
    """Ask about one script and judge the report."""
    result = expected_of(script, cured, number)
    options = ["--cured"] if cured else []
    try:
        done = HOW[script.how](script, options, out)
    except subprocess.TimeoutExpired:
        result.wrong.append(f"still running after {LIMIT_SECONDS} s")
        return result
    except ValueError:
        result.wrong.append("no server")
        return result
    (out.parent / f"{out.name}.log").write_text(done.stdout + done.stderr)
    if done.returncode:
        result.wrong.append(f"exit code {done.returncode}")
    try:
        report = json.loads((out / "report.json").read_text())
    except (OSError, ValueError) as error:
        result.wrong.append(f"no report: {type(error).__name__}")
        return result
    judge(result, script, report, truth_of(done.stdout))
    return result


Done = subprocess.CompletedProcess[str]


def _run(script: Script, options: list[str], out: Path) -> Done:
    """``infprof run``: the script is the program."""
    asked = ["infprof", "run", *script.zoo.get("options", []), "-o", str(out)]
    return _python(script, "-m", *asked, str(script.path), *options)


def _attach(script: Script, options: list[str], out: Path) -> Done:
    """``infprof attach URL``: the script is a server that shows a metrics page."""
    with serving(script, options) as port:
        asked = ["attach", f"http://127.0.0.1:{port}", "--duration", str(WATCHED_SECONDS)]
        return _python(script, "-m", "infprof", *asked, "-o", str(out))


def _report(script: Script, options: list[str], out: Path) -> Done:
    """``infprof report FILE``: the script writes a trace of its own, or a load test's result."""
    out.mkdir(exist_ok=True)
    file = out / script.zoo["file"]
    done = _python(script, str(script.path), "--out", str(file), *options)
    if done.returncode:
        return done
    report = _python(script, "-m", "infprof", "report", str(file), "-o", str(out / "report.json"))
    report.stdout += done.stdout
    return report


HOW: dict[str, Callable[[Script, list[str], Path], Done]] = {
    "run": _run,
    "attach": _attach,
    "report": _report,
}


def _python(script: Script, *words: str) -> Done:
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        env={**os.environ, **({} if "threads" in script.zoo else ONE_THREAD)},
    )


@contextmanager
def serving(script: Script, options: list[str]) -> Iterator[int]:
    """The port of the script's page. It ends when its input closes. Raises ``ValueError``."""
    command = [sys.executable, str(script.path), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        try:
            yield int(cast(IO[bytes], server.stdout).readline())
        finally:
            cast(IO[bytes], server.stdin).close()
