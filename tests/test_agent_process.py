"""How a process comes to have an agent, keeps it, passes it on to its children, and loses it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from infprof import agent
from infprof.deep_attach import recording_through_agent
from infprof.output import prepare
from infprof.profiler.agent import asking, listening, serving
from infprof.profiler.agent.asking import ask, socket_of
from infprof.profiler.agent.injecting import inject, script
from infprof.profiler.agent.messages import ATTACHED, TIME, line_of_order, values_in
from infprof.profiler.agent.messages import Order as Wanted
from infprof.profiler.bad_input import BadInput
from tests.agents import Program, environment, listens, running, until
from tests.programs import INFPROF, start

WAITING = """
    import os, sys, time
    import infprof
    {begin}
    print("ready", flush=True)
    for line in sys.stdin:
        print(eval(line), flush=True)
"""
OPTED_IN = textwrap.dedent(WAITING).format(begin="infprof.agent.start()")


def fork(program: Program) -> int:
    """Have a child forked that lives for a while."""
    return int(program.tell("os.fork() or (time.sleep(20), os._exit(0))"))


def test_it_listens_where_only_its_user_can_ask(tmp_path: Path) -> None:
    with running(tmp_path, OPTED_IN) as program:
        path = tmp_path / "infprof" / f"{program.pid}.sock"
        assert program.tell("infprof.agent.start()") == str(path)
        assert os.stat(path).st_mode & 0o777 == 0o600
        assert os.stat(path.parent).st_mode & 0o777 == 0o700
        assert ask(program.pid, 0.1, ATTACHED, tmp_path / "raw") == TIME
        program.until_tidy()
        program.tell("infprof.agent.stop()")
        assert not path.exists() and not listens(program.pid)
        assert program.tell("infprof.agent.start()") == str(path)
        assert listens(program.pid)


def test_the_end_of_the_program_removes_the_socket(tmp_path: Path) -> None:
    with running(tmp_path, OPTED_IN) as program:
        program.process.communicate("", timeout=20)
        assert program.process.returncode == 0
        assert os.listdir(tmp_path / "infprof") == []


def test_the_end_of_the_program_hands_over_what_there_is(tmp_path: Path) -> None:
    with running(tmp_path, OPTED_IN) as program:
        order = line_of_order(Wanted(60, ATTACHED, 1 << 20))
        with connected(program) as client:
            client.sendall(order)
            assert values_in(client.recv(1000)) == {"recording": True}
            assert program.process.stdin is not None
            program.process.stdin.write("sys.exit()\n")
            program.process.stdin.flush()
            assert values_in(client.recv(1000)) == {"ended": "exit"}
        assert program.process.wait(20) == 0
        assert program.raw_folders() == []


def connected(program: Program) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(str(program.folder / "infprof" / f"{program.pid}.sock"))
    return client


@pytest.mark.parametrize(
    ("sent", "reply"),
    [
        (b"garbage\n", "does not understand"),
        (b"[1]\n", "does not understand"),
        (b"[" * 5000 + b"\n", "does not understand"),
        (b'{"version": 2}\n', "speaks version 1"),
        (b'{"version": 1, "plan": {"windows": -1}}\n', "windows must be"),
        (b"x" * 10_000, "not asked in time"),
        (b"", "not asked in time"),
    ],
)
def test_who_speaks_badly_is_sent_away(
    sent: bytes, reply: str, tmp_path_factory: pytest.TempPathFactory, talker: Program
) -> None:
    with connected(talker) as client:
        client.sendall(sent)
        assert reply in str(values_in(client.recv(1000))["refused"])
        assert client.recv(1000) == b""
    raw = tmp_path_factory.mktemp("raw")
    assert ask(talker.pid, 0.05, ATTACHED, raw) == TIME


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running(tmp_path_factory.mktemp("talker"), OPTED_IN) as program:
        yield program


STRANGER = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
with socket.socket(socket.AF_UNIX) as client:
    try:
        client.connect(sys.argv[1])
    except PermissionError:
        sys.exit("kept out")
    sys.exit(client.recv(1000).decode())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_other_users_are_refused(tmp_path: Path) -> None:
    def stranger(path: Path) -> str:
        command = [sys.executable, "-c", STRANGER, str(path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=30).stderr

    with running(tmp_path, OPTED_IN) as program:
        path = tmp_path / "infprof" / f"{program.pid}.sock"
        assert "kept out" in stranger(path)
        for one in (path, *path.parents):  # if all the permissions failed, it would still ask who
            if one.is_relative_to(tmp_path.parent.parent):
                one.chmod(0o777)
        assert "its own user and root" in stranger(path)
        assert socket_of(program.pid) is None  # nor do we trust such a folder


def test_a_stopped_program_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ANSWER_S", 0.2)
    with running(tmp_path, OPTED_IN) as program:
        os.kill(program.pid, signal.SIGSTOP)
        with pytest.raises(BadInput, match="does not answer; was the process stopped"):
            ask(program.pid, 1, ATTACHED, tmp_path / "raw")
        os.kill(program.pid, signal.SIGCONT)
        monkeypatch.undo()
        assert ask(program.pid, 0.05, ATTACHED, tmp_path / "raw") == TIME


def test_a_forked_child_has_its_own(tmp_path: Path) -> None:
    with running(tmp_path, OPTED_IN) as program:
        before = program.state()
        child = fork(program)
        until(lambda: listens(child), "the child listens")
        assert listens(program.pid)
        until(lambda: program.state() == before, "the parent is as it was")
        for number, pid in enumerate((child, program.pid)):
            assert ask(pid, 0.05, ATTACHED, tmp_path / str(number)) == TIME
        program.until_tidy()
        os.kill(child, signal.SIGKILL)
        program.tell("os.wait()")
        left = tmp_path / "infprof" / f"{child}.sock"
        assert left.exists() and not listens(child) and listens(program.pid)
        program.tell("(infprof.agent.stop(), infprof.agent.start())")
        assert not left.exists()


def test_who_attaches_to_the_wrong_process_is_shown_the_right_one(tmp_path: Path) -> None:
    with running(tmp_path, OPTED_IN) as program:
        child = fork(program)
        until(lambda: listens(child), "the child listens")
        recording = recording_through_agent(program.pid, 0.1, prepare(tmp_path / "out"))
        assert recording is not None
        notes = {note.code: note.text for note in recording.header.notes}
        assert notes["workers"].endswith(f"one of its workers: {child}.")


def test_a_fork_in_the_midst_of_a_recording(tmp_path: Path) -> None:
    with running(tmp_path, OPTED_IN) as program:
        order = line_of_order(Wanted(60, ATTACHED, 1 << 20))
        with connected(program) as client:
            client.sendall(order)
            assert values_in(client.recv(1000)) == {"recording": True}
            child = fork(program)
            folder, *others = program.raw_folders()
            assert not others and (folder / "session.json").exists()
            until(lambda: listens(child), "the child listens")
            assert folder.exists()
            client.shutdown(socket.SHUT_WR)
            assert values_in(client.recv(1000)) == {"ended": "hung up"}
        program.until_tidy()


def test_a_child_that_closes_all_files_is_left_alone(tmp_path: Path) -> None:
    begin = """infprof.agent.start()
os.closerange(3, 100); kept = os.pipe(); os.write(kept[1], b'8 bytes!')"""
    with running(tmp_path, textwrap.dedent(WAITING).format(begin=begin)) as program:
        with pytest.raises(BadInput, match="has no agent"):
            ask(program.pid, 1, ATTACHED, tmp_path / "raw")
        assert program.tell("os.read(kept[0], 100)") == "b'8 bytes!'"


@pytest.mark.parametrize(
    ("use", "has_one"), [("infprof.annotate", True), ("infprof.__version__", False)]
)
def test_the_environment_opts_in_a_program_that_uses_us(
    use: str, has_one: bool, tmp_path: Path
) -> None:
    source = textwrap.dedent(WAITING).format(begin=use)
    with running(tmp_path, source, env={"INFPROF_AGENT": "1"}) as program:
        assert listens(program.pid) == has_one


def test_a_decorator_only_marks_where_others_attach(tmp_path: Path) -> None:
    begin = "infprof.agent.start()\ninfprof.profile(lambda: None)()"
    with running(tmp_path, textwrap.dedent(WAITING).format(begin=begin)) as program:
        assert ask(program.pid, 0.05, ATTACHED, tmp_path / "raw") == TIME
        program.process.communicate("", timeout=20)
        assert not (tmp_path / "infprof-report").exists()


def test_a_program_that_is_recorded_already_says_so(tmp_path: Path) -> None:
    begin = "infprof.profile(lambda: None)()\ninfprof.agent.start()"
    with running(tmp_path, textwrap.dedent(WAITING).format(begin=begin)) as program:
        with pytest.raises(BadInput, match="is being recorded already"):
            ask(program.pid, 0.05, ATTACHED, tmp_path / "raw")


SERVED = """
    import os, subprocess, sys
    print("ready", flush=True)
    for line in sys.stdin:
        print(eval(line), flush=True)
    sys.exit(7)
"""


def test_run_serve_becomes_the_program(tmp_path: Path) -> None:
    command = [*INFPROF, "run", "--serve", "--", sys.executable]
    with running(tmp_path, SERVED, command=command) as program:
        until(lambda: listens(program.pid), "it listens")
        assert "infprof" in program.tell("list(sys.modules)")
        child = "subprocess.run([sys.executable, '-c', CODE], capture_output=True).stdout"
        code = "import sys; print(sys.modules['infprof.profiler.agent.serving'].start())"
        assert "sock" in program.tell(child.replace("CODE", repr(code)))
        program.process.communicate("", timeout=20)
        assert program.process.returncode == 7
        assert os.listdir(tmp_path / "infprof") == []


@pytest.mark.parametrize("script", [["program.py"], ["-m", "program"]])
def test_run_serve_takes_scripts_and_modules(script: list[str], tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import sys; print(sys.argv[1:]); sys.exit(3)")
    options, name = script[:-1], script[-1]
    ended = start(
        [*INFPROF, "run", "--serve", *options, name, "-x"], tmp_path, env=environment(tmp_path)
    )
    assert (ended.code, ended.out, ended.err) == (3, b"['-x']\n", b"")


def test_run_serve_says_what_it_cannot_do(tmp_path: Path) -> None:
    ended = start([*INFPROF, "run", "--serve", "--", "no-such-program"], tmp_path)
    assert ended.code == 2 and b"no-such-program: cannot be run (No such file" in ended.err
    ended = start([*INFPROF, "run", "--serve", "-o", "x", "--", "true"], tmp_path)
    assert ended.code == 2 and b"--serve records nothing" in ended.err


def test_where_no_socket_can_be_there_is_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listening, "folders", lambda user, environment: [Path("/proc/1/fd/x")])
    monkeypatch.setattr(serving, "_has_failed", False)
    assert agent.start() is None and agent.start() is None
    assert len(caplog.records) == 1 and "nobody can attach" in caplog.text
    agent.stop()


def test_an_injected_agent_serves_once(tmp_path: Path) -> None:
    begin = f"exec({script()!r})"
    with running(tmp_path, textwrap.dedent(WAITING).format(begin=begin)) as program:
        assert program.tell("'_infprof_agent' in dir()") == "False"
        before = program.state()
        assert ask(program.pid, 0.05, ATTACHED, tmp_path / "raw") == TIME
        until(lambda: program.state()[1] < before[1], "the thread ends")
        assert "socket" not in program.files() and not listens(program.pid)
        assert os.listdir(tmp_path / "infprof") == []


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="there it works")
def test_without_remote_execution_nothing_is_injected() -> None:
    with pytest.raises(BadInput, match="needs Python 3.14"):
        inject(os.getpid())
