"""Attach to real servers under real load: what is planted comes first, and nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from infprof.profiler.probes.proc import ProcessTree, stat
from infprof.profiler.probes.py_spy import find
from tests.agents import listens, open_files
from tests.metrics_pages import showing, vllm
from tests.servers.load import Load

ROOT = Path(__file__).parent.parent
needs = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("torch", "PIL", "uvicorn", "gunicorn", "fastapi"))
    or find() is None,
    reason="needs torch, Pillow, py-spy and the servers' frameworks",
)


@contextmanager
def server(*words: str, agent: bool = False) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """One of ``tests/servers``, which import torch; with its port."""
    command = [sys.executable, "-m", f"tests.servers.{words[0]}", *words[1:]]
    opted_in = [sys.executable, "-m", "infprof", "run", "--serve", "--", *command]
    with subprocess.Popen(
        opted_in if agent else command,
        cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # in each thread that computes
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline())
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def until(holds: Callable[[], object], seconds: float = 60) -> None:
    """Wait, but not for ever."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def attach(pid: int, out: Path, seconds: str = "3", *more: str) -> subprocess.Popen[str]:
    """``infprof attach``, begun. The load that a test makes, and whatever else runs here, starves
    the server: nothing that it plants."""
    words = ["attach", str(pid), *more, "--duration", seconds, "-o", str(out)]
    words += ["--ignore", "starved-cpu"]
    return subprocess.Popen(
        [sys.executable, "-m", "infprof", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def snapshot(pid: int, out: Path, *more: str) -> dict[str, Any]:
    """The report on a process under load. One that says so is asked for again."""
    for _ in range(3):
        done = attach(pid, out, "3", *more)
        _, errors = done.communicate(timeout=60)
        assert done.returncode == 0, errors
        assert errors.endswith(f"Report: {out / 'report.html'}\n")
        found: dict[str, Any] = json.loads((out / "report.json").read_text())
        assert not [one for one in found["verdicts"] if one["outcome"] == "FAILED"]
        stages = found["breakdown"]["stages"]
        assert sum(stage["exposed_ns"] for stage in stages) == found["breakdown"]["wall_ns"]
        if "measure again" not in found["verdict"]["sentence"]:
            return found
    pytest.skip(found["verdict"]["sentence"])


def worker(pid: int) -> int:
    """The process with an agent that serves: of a launcher's workers the one that works most."""
    workers = ProcessTree(pid).pids(0)[1:] or (pid,)
    until(lambda: any(map(listens, workers)))
    seen = {one: stat("/proc", one) for one in filter(listens, workers)}
    return max((found.cpu_s, one) for one, found in seen.items() if found)[1]


def status_of(pid: int) -> list[str]:
    """Its number of threads, its signals, and who traces it."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    watched = ("TracerPid", "Threads", "SigCgt", "SigIgn", "SigBlk")
    return [line for line in status if line.startswith(watched)]


PLANTED = [
    (("threads", "json"), 1, "text-serialization", "write_much (model.py:"),
    (("threads", "pool"), 2, "cpu-image-decode", "decode_picture (model.py:"),
    (("threads", "gil"), 4, "gil-contention", "count_words (model.py:"),
    (("threads", "spawn"), 2, "cpu-image-decode", "decode_picture (model.py:"),
    (("asynchronous", "sleep"), 2, "blocking-coroutine", "ask_the_store (asynchronous.py:"),
    (("asynchronous", "json", "2"), 4, "text-serialization", "write_much (model.py:"),
    (("prefork", "decode"), 3, "cpu-image-decode", "decode_picture (model.py:"),
]


@needs
@pytest.mark.parametrize(
    ("words", "clients", "first", "place"),
    PLANTED,
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_planted_is_the_first_finding(
    words: tuple[str, ...], clients: int, first: str, place: str, tmp_path: Path
) -> None:
    """From outside, and then from inside, where stages are exact and operators known. None of these
    servers marks its requests."""
    with server(*words, agent=True) as (process, port), Load(port, clients) as load:
        until(lambda: load.answers > 5)
        outside = snapshot(process.pid, tmp_path / "outside", "--outside")
        serving = worker(process.pid)
        status = status_of(serving)
        inside = snapshot(serving, tmp_path / "inside")
        until(lambda: status_of(serving) == status)  # not even torch leaves a thread
        before = load.answers
        until(lambda: load.answers > before)  # it goes on after us
    for report in (outside, inside):
        assert [one["rule"] for one in report["findings"]][:1] == [first], report["verdict"]
        assert place in report["findings"][0]["where"][0]["name"]
    assert outside["quality"]["basis"] == "sampled"
    assert inside["quality"]["basis"] == "occupancy", inside["quality"]
    if "spawn" not in words:  # its worker runs neither the server nor the model
        assert inside["latency"]["requests"] > 5, (inside["latency"], inside["quality"])
        # no window opens while a thread that might be within an op is never seen at rest
        assert ("ops" in inside["missing"]) == ("gil" in words), inside["missing"]


@pytest.mark.skipif(find() is None, reason="needs py-spy")
def test_a_server_without_torch_is_judged_as_well(tmp_path: Path) -> None:
    with server("plain") as (process, port), Load(port, 1) as load:
        until(lambda: load.answers > 5)
        report = snapshot(process.pid, tmp_path / "out")
    assert report["findings"][0]["rule"] == "text-serialization"
    assert report["findings"][0]["where"][0]["name"].startswith("write_much (plain.py:")


@needs
def test_a_server_that_has_nothing_to_do_is_not_judged(tmp_path: Path) -> None:
    with server("threads", "decode") as (process, port):
        with Load(port, 1) as load:
            until(lambda: load.answers > 0)
        until(lambda: len(os.listdir(f"/proc/{process.pid}/task")) < 2)
        done = attach(process.pid, tmp_path / "out", "1")
        done.communicate(timeout=60)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["verdict"]["limit"] == "unknown" and report["findings"] == []


def states_of(pid: int) -> dict[str, object]:
    """What a debugger would leave behind."""
    return {"status": status_of(pid), "files": sorted(open_files(pid))}


@needs
def test_killed_at_any_moment_it_leaves_the_target_as_it_was(tmp_path: Path) -> None:
    with server("threads", "decode") as (process, port):
        with Load(port, 1) as load:
            until(lambda: load.answers > 0)
        until(lambda: len(os.listdir(f"/proc/{process.pid}/task")) < 2)
        before = states_of(process.pid)
        for moment in (0.3, 0.9, 1.5):
            watching = attach(process.pid, tmp_path / f"{moment}", "30")
            with pytest.raises(subprocess.TimeoutExpired):
                watching.communicate(timeout=moment)
            watching.kill()
            watching.communicate()
            until(lambda: not spies(process.pid), 10)
        assert states_of(process.pid) == before
        with Load(port, 1) as load:
            until(lambda: load.answers > 0)


def spies(pid: int) -> list[str]:
    """The py-spy programs that look at a process."""
    found = []
    for one in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{one}/cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if "py-spy" in words[0] and str(pid) in words:
            found.append(one)
    return found


@needs
@pytest.mark.parametrize("how", ["the target dies", "Ctrl-C"])
def test_what_was_seen_until_it_ended_is_reported(how: str, tmp_path: Path) -> None:
    with server("threads", "decode") as (process, port), Load(port, 2) as load:
        until(lambda: load.answers > 5)
        watching = attach(process.pid, tmp_path / "out", "30")
        until(lambda: spies(process.pid))
        before = load.answers
        until(lambda: load.answers > before + 40)
        process.kill() if how == "the target dies" else watching.send_signal(signal.SIGINT)
        _, errors = watching.communicate(timeout=30)
    assert watching.returncode == 0, errors
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    notes = [note["text"] for note in report["quality"]["notes"]]
    assert any("process ended" in text for text in notes) == (how == "the target dies")
    assert report["findings"][0]["rule"] == "cpu-image-decode"


@pytest.mark.parametrize("kind", ["nobody", "no Python"])
def test_what_cannot_be_watched_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        pid = 2**22 + 7 if kind == "nobody" else other.pid
        done = attach(pid, tmp_path / "out", "1")
        _, errors = done.communicate(timeout=60)
        other.kill()
    assert done.returncode == 2
    assert errors.startswith("infprof: ") and errors.count("\n") == 1
    assert not (tmp_path / "out").exists()


@needs
def test_a_process_and_an_address_make_one_report(tmp_path: Path) -> None:
    pages = [vllm(10 * count, queue_s=1.5, waiting=20) for count in range(1, 9)]
    with (
        server("threads", "decode") as (process, port),
        Load(port, 2) as load,
        showing(*pages) as url,
    ):
        until(lambda: load.answers > 5)
        done = attach(process.pid, tmp_path / "out", "3", url)
        assert done.communicate(timeout=60) and done.returncode == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["verdict"]["limit"] == "queue-bound"
    rules = [one["rule"] for one in report["findings"]]
    assert rules[0] == "server-queue" and "cpu-image-decode" in rules
    (decoding,) = (one for one in report["findings"] if one["rule"] == "cpu-image-decode")
    assert decoding["saving"]["basis"] == "none" and "server's threads" in decoding["why"]
