"""A server that opted in is recorded from inside, again and again, and goes on as before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from infprof.deep_attach import EARLY, recording_through_agent
from infprof.output import prepare
from infprof.profiler.agent.asking import GONE, ask
from infprof.profiler.agent.messages import ATTACHED, HUNG_UP, SIZE, TIME
from infprof.profiler.agent.places import PREFIX
from infprof.profiler.bad_input import BadInput
from infprof.profiler.events import Kind
from infprof.profiler.recording import Phase
from tests.agents import Program, listens, open_files, running, until

SERVER = """
    import gc, json, sys, threading, time
    from concurrent.futures import ThreadPoolExecutor
    import torch
    import infprof

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(16, 16)
        def forward(self, x):
            return self.inner(x).relu()

    model, served = Model(), [0]

    @infprof.profile
    def serve(number):
        time.sleep(0.002)
        with torch.inference_mode():
            model(torch.ones(2, 16))
        served[0] += 1

    def loop():
        with ThreadPoolExecutor(3) as pool:
            while True:
                list(pool.map(serve, range(9)))

    def leftovers():
        kinds = [torch.nn.Module, Model, torch.nn.Linear]
        return [getattr(one.__call__, "of_infprof", False) for one in kinds] + [
            len(gc.callbacks), round(sys.getswitchinterval(), 6), threading.active_count()]

    infprof.agent.start()
    threading.Thread(target=loop, daemon=True).start()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps({"served": served[0], "leftovers": leftovers()}), flush=True)
"""

LONG = 60.0

CLIENT = """
import sys
from pathlib import Path
from infprof.profiler.agent.asking import ask
from infprof.profiler.agent.messages import ATTACHED
print(ask(int(sys.argv[1]), float(sys.argv[2]), ATTACHED, Path(sys.argv[3])))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running(tmp_path_factory.mktemp("server"), SERVER) as program:
        until(lambda: json.loads(program.tell("?"))["served"] > 20, "it serves")
        yield program


@contextmanager
def client(program: Program, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """One that would record for long, from the first window on."""
    command = [sys.executable, "-c", CLIENT, str(program.pid), str(LONG), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        until(lambda: looks_in(process.pid), "the client is let in")
        until(lambda: has_window(program), "a window")
        yield process
    finally:
        process.kill()
        process.communicate()
        program.until_tidy()


def looks_in(pid: int) -> bool:
    """Whether a client has got the agent's folder."""
    return any(PREFIX in one for one in open_files(pid))


def has_window(program: Program) -> bool:
    """Whether the recording that goes on has closed one, and has noted it."""
    with suppress(FileNotFoundError):
        for folder in program.raw_folders():
            return bool(json.loads((folder / "session.json").read_text())["windows"])
    return False


def assert_serves(program: Program) -> None:
    before = json.loads(program.tell("?"))["served"]
    until(lambda: json.loads(program.tell("?"))["served"] > before + 20, "it goes on")


def test_it_is_recorded_from_inside(server: Program, tmp_path: Path) -> None:
    before = server.state()
    recording = recording_through_agent(server.pid, 1.0, prepare(tmp_path / "out"))
    assert recording is not None
    header = recording.header
    assert header.subject.kind == "attach" and header.subject.command[-1] == "program.py"
    assert len(recording.requests) > 50 and header.windows, header.notes
    phases = {Phase(int(phase)) for phase in recording.requests.phase}
    assert phases == {Phase.PLAIN, Phase.TRACED}
    assert (recording.events.kind == Kind.OP).any()
    assert len(recording.stacks) > 0 and "requests" not in header.missing
    assert (tmp_path / "out" / "recording").is_dir()
    server.until_tidy()
    until(lambda: server.state() == before, "even torch's tracer leaves no thread behind")
    assert_serves(server)


def test_nothing_stays_behind(server: Program, tmp_path: Path) -> None:
    def attach(number: int) -> None:
        assert ask(server.pid, 0.1, ATTACHED, tmp_path / str(number)) == TIME
        server.until_tidy()

    before, said = server.state(), json.loads(server.tell("?"))["leftovers"]
    for number in range(20):
        attach(number)
    until(lambda: server.state() == before, "as before")
    assert json.loads(server.tell("?"))["leftovers"] == said
    assert said[:3] == [False, False, False] and said[4] == 0.005


def test_a_client_that_is_killed_takes_nothing_along(server: Program, tmp_path: Path) -> None:
    with client(server, tmp_path / "killed"):
        pass
    assert_serves(server)
    assert ask(server.pid, 0.1, ATTACHED, tmp_path / "next") == TIME


def test_an_interrupted_client_keeps_what_there_is(server: Program, tmp_path: Path) -> None:
    with client(server, tmp_path / "raw") as interrupted:
        interrupted.send_signal(signal.SIGINT)
        assert interrupted.stdout is not None
        assert interrupted.stdout.read() == f"{HUNG_UP}\n"
    assert json.loads((tmp_path / "raw" / "session.json").read_text())["ended"]
    assert list((tmp_path / "raw").glob("window-*.json"))


def test_one_at_a_time(server: Program, tmp_path: Path) -> None:
    with client(server, tmp_path / "first"):
        with pytest.raises(BadInput, match="somebody else is recording"):
            ask(server.pid, 1, ATTACHED, tmp_path / "second")


def test_large_files_end_it(server: Program, tmp_path: Path) -> None:
    server.until_tidy()
    assert ask(server.pid, LONG, ATTACHED, tmp_path, most_bytes=1) == SIZE


def test_a_program_that_is_killed_leaves_what_was_seen(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    with running(tmp_path / "server", SERVER) as program:

        def kill() -> None:
            until(lambda: has_window(program), "a window")
            program.process.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        recording = recording_through_agent(program.pid, LONG, prepare(tmp_path / "out"))
        killer.join()
        assert recording is not None and recording.header.windows
        assert EARLY[GONE] in [note.text for note in recording.header.notes]
        assert program.raw_folders() == []
        program.process.wait()
        assert recording_through_agent(program.pid, 1, prepare(tmp_path / "again")) is None
        with pytest.raises(BadInput, match="has no agent"):
            ask(program.pid, 1, ATTACHED, tmp_path / "none")
        assert not listens(program.pid)


def test_a_plan_without_windows_traces_nothing(server: Program, tmp_path: Path) -> None:
    server.until_tidy()
    assert ask(server.pid, 0.3, replace(ATTACHED, windows=0), tmp_path) == TIME
    assert not list(tmp_path.glob("window-*.json")) and (tmp_path / "marks.bin").stat().st_size
    assert os.stat(tmp_path / "marks.bin").st_mode & 0o077 == 0
