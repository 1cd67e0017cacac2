"""``@infprof.profile`` and ``with infprof.profile()`` in a program run by plain ``python``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import infprof
from infprof.loading import load
from infprof.profiler.recording import Phase, Recording
from infprof.profiler.request import serve, serving
from infprof.profiler.session import Session
from tests.programs import INFPROF, PYTHON, Ended, start, write
from tests.recorded import NO_WINDOWS, recorded


def run(folder: Path, source: str, command: tuple[str, ...] = PYTHON) -> Ended:
    """The program, run to its end in ``folder``."""
    write(folder, source)
    return start([*command, "script.py"], folder)


def made(folder: Path, name: str = "infprof-report") -> Recording:
    """The recording that it left, beside both reports."""
    assert (folder / name / "report.html").is_file() and (folder / name / "report.json").is_file()
    return load(folder / name)


def test_a_decorated_program_reports_at_its_exit(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        """
        import infprof
        @infprof.profile
        def serve(x): return x + 1
        print(sum(serve(n) for n in range(30)))
        """,
    )
    assert (ended.code, ended.out) == (0, b"465\n")
    assert ended.err == b"infprof: report in infprof-report/report.html\n"
    recording = made(tmp_path)
    assert len(recording.requests) == 30
    assert (recording.header.subject.kind, recording.header.subject.name) == ("profile", "serve")


def test_options_name_the_folder_and_the_plan(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        """
        import infprof, os
        @infprof.profile(out="here", name="mine", warmup=1, windows=0)
        def serve(): pass
        for _ in range(5): serve()
        os.chdir("/")
        """,
    )
    assert ended.err == b"infprof: report in here/report.html\n"
    recording = made(tmp_path, "here")
    phases = [Phase.COLD, *[Phase.PLAIN] * 4]
    assert list(recording.requests.phase) == phases
    assert recording.header.settings["warmup"] == 1 and recording.header.subject.name == "mine"


@pytest.mark.parametrize(
    ("end", "code", "error"),
    [
        ("sys.exit(3)", 3, b""),
        ("raise ValueError('x')", 1, b"ValueError: x\n"),
        ("signal.raise_signal(signal.SIGINT)", -2, b"KeyboardInterrupt\n"),
        ("atexit.register(serve)", 0, b""),
    ],
)
def test_the_report_is_written_however_the_program_ends(
    end: str, code: int, error: bytes, tmp_path: Path
) -> None:
    source = """
        import atexit, infprof, signal, sys
        @infprof.profile
        def serve(): pass
        serve()
        """
    ended = run(tmp_path, f"{source}{end}\n")
    assert ended.code == code
    assert ended.err.endswith(error + b"infprof: report in infprof-report/report.html\n")
    assert len(made(tmp_path).requests) == 1 + end.startswith("atexit")


def test_every_kind_of_function_serves_requests(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        """
        import asyncio, infprof
        class Service:
            @infprof.profile
            def method(self): return 1
            @infprof.profile
            @classmethod
            def of_class(cls): return 2
            @staticmethod
            @infprof.profile
            def static(): return 3
            @infprof.profile
            def stream(self): yield 4
            @infprof.profile
            async def later(self): await asyncio.sleep(0); return 5
            @infprof.profile
            async def later_stream(self): yield 6
            @infprof.profile
            def outer(self): return self.method() + Service.static() + 3
        async def last(service):
            return [await service.later(), [item async for item in service.later_stream()]]
        one = Service()
        print(one.method(), one.of_class(), one.static(), *one.stream(), asyncio.run(last(one)),
              one.outer())
        """,
    )
    assert (ended.code, ended.out) == (0, b"1 2 3 4 [5, [6]] 7\n")
    recording = made(tmp_path)
    assert len(recording.requests) == 7
    names = [recording.events.names[name] for name in recording.events.name]
    assert names == ["Service.method", "Service.static"], "those inside a request are ranges"


def test_under_run_the_decorator_writes_nothing_of_its_own(tmp_path: Path) -> None:
    source = """
        import infprof, multiprocessing, os
        @infprof.profile(out="own")
        def serve(): return 1
        def block():
            with infprof.profile(out="own") as session: pass
            return session.report
        if __name__ == "__main__":
            print(serve(), block())
            for method in ("fork", "spawn"):
                with multiprocessing.get_context(method).Pool(1) as pool:
                    print(pool.apply(serve), pool.apply(block))
        """
    ended = run(tmp_path, source, (*INFPROF, "run", "-o", "out"))
    assert (ended.code, ended.out) == (0, b"1 None\n" * 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "script.py"]
    assert len(made(tmp_path, "out").requests) == 2


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_a_decorated_program_stay_silent(method: str, tmp_path: Path) -> None:
    source = f"""
        import infprof, multiprocessing
        @infprof.profile
        def serve(number): return number
        if __name__ == "__main__":
            serve(0)
            with multiprocessing.get_context("{method}").Pool(2) as pool:
                print(pool.map(serve, range(4)))
        """
    ended = run(tmp_path, source)
    assert (ended.code, ended.out) == (0, b"[0, 1, 2, 3]\n")
    assert ended.err.count(b"infprof") == 2, ended.err
    assert len(made(tmp_path).requests) == 1


def test_processes_that_share_a_folder_do_not_spoil_each_other(tmp_path: Path) -> None:
    """Servers that fork first and serve later: the first to serve records."""
    ended = run(
        tmp_path,
        """
        import infprof, os, sys
        @infprof.profile
        def serve(): return 1
        ready, go = os.pipe(), os.pipe()
        child = os.fork()
        if child == 0:
            serve(); os.write(ready[1], b"x"); os.read(go[0], 1); sys.exit(0)
        os.read(ready[0], 1)
        serve(); os.write(go[1], b"x")
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """,
    )
    assert (ended.code, ended.out) == (0, b"0\n")
    assert b"not recording: infprof-report: another process records into it" in ended.err
    assert b"report in infprof-report/report.html" in ended.err
    assert len(made(tmp_path).requests) == 1


def test_a_folder_that_cannot_be_written_does_not_stop_the_program(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        """
        import infprof
        @infprof.profile(out="/proc/nothing")
        def serve(): return 7
        print(serve(), serve())
        with infprof.profile(out="/proc/nothing") as session: print("body")
        print(session.report)
        """,
    )
    assert (ended.code, ended.out) == (0, b"7 7\nbody\nNone\n")
    assert ended.err.count(b"infprof: not recording: /proc/nothing: cannot be written") == 2
    assert ended.err.count(b"\n") == 2


def test_a_report_that_fails_is_one_line(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        """
        import infprof, os, sys
        @infprof.profile
        def serve(): pass
        serve(); os.mkdir("infprof-report/report.html"); sys.exit(5)
        """,
    )
    assert ended.code == 5 and ended.err.count(b"\n") == 1
    assert ended.err.startswith(b"infprof: no report could be written")
    assert len(load(tmp_path / "infprof-report").requests) == 1


def test_nothing_heavy_is_imported_before_the_first_request(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        """
        import sys, infprof
        @infprof.profile
        def serve(): pass
        print([name for name in ("torch", "numpy", "pydantic", "click") if name in sys.modules])
        """,
    )
    assert ended.out == b"[]\n" and ended.err == b""
    assert not (tmp_path / "infprof-report").exists()


def test_a_wrong_option_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="no_such"):
        infprof.profile(no_such=1)
    with pytest.raises(TypeError, match="decorate a function"):
        infprof.profile(3)  # type: ignore[call-overload]


def test_a_block_gives_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    torch.ones(2) + 1
    with infprof.profile(out=str(tmp_path / "block")) as session:
        before = session.report
        for _ in range(4):
            with infprof.request(), infprof.annotate("work", stage="compute"):
                torch.ones(100) + 1
    assert before is None
    assert session.report is not None and session.report.subject.kind == "profile"
    recording = made(tmp_path, "block")
    assert list(recording.requests.phase) == [Phase.TRACED] * 4
    assert len(recording.header.windows) == 1 and "ops" not in recording.header.missing
    assert serving() is None
    assert "report in" in capsys.readouterr().err


@pytest.mark.usefixtures("capsys")
def test_a_block_without_a_request_is_one(tmp_path: Path) -> None:
    import torch

    for number in range(2):  # the folder is free again after each
        with infprof.profile(out=str(tmp_path / "block"), name=f"mine {number}") as session:
            torch.ones(100) + 1
    assert session.report is not None and session.report.subject.name == "mine 1"
    recording = made(tmp_path, "block")
    assert list(recording.requests.phase) == [Phase.TRACED]
    assert "ops" not in recording.header.missing


@pytest.mark.usefixtures("capsys")
def test_a_block_that_raises_reports_and_passes_the_exception_on(tmp_path: Path) -> None:
    profiling = infprof.profile(out=str(tmp_path / "block"))
    with pytest.raises(KeyError, match="k") as caught, profiling as session:
        raise KeyError("k")
    assert caught.traceback[-1].path == Path(__file__)
    assert session.report is not None
    assert list(made(tmp_path, "block").requests.failed) == [True]


def test_a_block_inside_a_session_is_a_request_of_it(tmp_path: Path) -> None:
    with recorded(tmp_path) as one:
        with infprof.profile(out=str(tmp_path / "own")) as session:
            with infprof.request("inner"):
                pass
    assert session.report is None and not (tmp_path / "own").exists()
    assert len(one.phases) == 1 and one.ranges == [(None, "inner")]


def test_the_session_of_another_thread_is_joined(tmp_path: Path) -> None:
    session = Session(tmp_path, NO_WINDOWS)
    serve(session)
    try:
        with infprof.profile(out=str(tmp_path / "own")):
            assert serving() is session
    finally:
        serve(None)
        session.finish()
    assert session.requests_seen == 1 and "own" not in {path.name for path in tmp_path.iterdir()}
    assert sys.exc_info() == (None, None, None)
