"""A program under ``infprof run`` behaves as under ``python``, and leaves a report or a reason."""

from __future__ import annotations

import signal
import subprocess
import textwrap
from functools import partial
from pathlib import Path

import pytest

from tests.programs import INFPROF, PYTHON, Act, alone, group, run_both, write

SERVE = """
    import atexit, os, signal, sys, threading, time
    import infprof

    @infprof.annotate("work")
    def work(number):
        return number * 2

    def serve(number):
        with infprof.request():
            return work(number)

"""

ENDS = {
    "returns": "for n in range(5): print(serve(n))",
    "raises": "serve(1)\nraise ValueError('bad\\ninput')",
    "raises inside a request": """
@infprof.annotate('broken')
def broken(): {}['key']
with infprof.request(): broken()""",
    "raises from": """
try: serve(1) / 0
except ZeroDivisionError as error: raise RuntimeError('outer') from error""",
    "exits with None": "serve(1); sys.exit(None)",
    "exits with 3": "serve(1); sys.exit(3)",
    "exits with text": "serve(1); sys.exit('text')",
    "exits inside a request": """
with infprof.request(): sys.exit(4)""",
    "os._exit": "print(serve(1), flush=True); os._exit(5)",
    "killed by itself": "print(serve(1), flush=True); os.kill(os.getpid(), signal.SIGKILL)",
    "segmentation fault": "serve(1); os.kill(os.getpid(), signal.SIGSEGV)",
    "abort": "serve(1); os.abort()",
    "atexit": "atexit.register(print, 'bye'); atexit.register(serve, 1); serve(1); sys.exit(6)",
    "atexit raises": "atexit.register(lambda: 1 / 0); serve(1)",
    "daemon thread": """
started = threading.Event()
def work():
    while True: serve(1); started.set(); time.sleep(0.001)
threading.Thread(target=work, daemon=True).start()
started.wait(); print('main ends')""",
    "thread goes on": """
def work(): [serve(n) for n in range(1000)]; print('thread ends')
threading.Thread(target=work).start(); print('main ends')""",
    "thread raises": """
sys.setswitchinterval(10)
thread = threading.Thread(target=lambda: serve(None), name='worker'); thread.start(); thread.join()
serve(1)""",
    "unraisable": """
class Bad:
    def __del__(self): raise OSError('unraisable')
bad = Bad(); serve(1); del bad; print('end')""",
    "recursion": """
sys.tracebacklimit = 3
def down(): return down()
serve(1); down()""",
    "memory": "serve(1); bytearray(1 << 62)",
    "own excepthook": "sys.excepthook = lambda *e: print('hook', e[1]); serve(1); raise ValueError",
    "interrupts itself": "serve(1); signal.raise_signal(signal.SIGINT)",
    "missing module": "serve(1); import no_such_module_at_all",
    "exec": """
serve(1)
sys.stdout.flush(); os.execv('/bin/echo', ['echo', 'another'])""",
    "fork": """
serve(1); sys.stdout.flush()
child = os.fork()
if child == 0: serve(2); print('child'); sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])); serve(3)""",
    "stderr and stdout": "print('o'); sys.stderr.write('e'); serve(1); os.write(2, b'raw\\n')",
    "no newline at the end": "sys.stderr.write('x'); sys.stdout.write('y'); serve(1)",
    "closes its streams": "serve(1); os.close(2); os.close(1); os.close(0)",
    "warnings": "import warnings; warnings.warn('old'); serve(1)",
}


@pytest.mark.parametrize("end", ENDS)
def test_it_ends_as_under_python(end: str, tmp_path: Path) -> None:
    both = run_both(tmp_path, textwrap.dedent(SERVE) + ENDS[end])
    assert len(both.recording.requests) > 0 or "requests" in both.missing
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
    assert not (tmp_path / "out" / "recording" / "raw").exists()
    assert b"did not import torch" in both.ours.err


def test_a_syntax_error_is_the_program_s(tmp_path: Path) -> None:
    both = run_both(tmp_path, "print('x'\n")
    assert b"SyntaxError" in both.bare.err and both.bare.code == 1
    assert "requests" in both.missing


def test_a_program_without_a_request_is_told_how_to_mark_one(tmp_path: Path) -> None:
    both = run_both(tmp_path, "print('hello')")
    assert "@infprof.profile" in both.missing["requests"]


def test_what_a_hard_end_costs_is_said(tmp_path: Path) -> None:
    both = run_both(tmp_path, "import infprof, os\nwith infprof.request(): pass\nos._exit(5)")
    assert "without an exit of Python's" in both.notes["ended"]
    assert len(both.recording.requests) == 1


LOOP = """
    import signal, sys, time, infprof
    print("ready", flush=True)
    try:
        while True:
            with infprof.request():
                time.sleep(0.002)
    except KeyboardInterrupt:
        {interrupted}
    finally:
        print("cleaned up", flush=True)
"""


@pytest.mark.parametrize(
    ("send", "number"),
    [
        (alone, signal.SIGINT),
        (group, signal.SIGINT),
        (alone, signal.SIGTERM),
        (group, signal.SIGTERM),
        (alone, signal.SIGUSR1),
    ],
)
def test_an_endless_program_is_stopped_by_a_signal(
    send: Act, number: signal.Signals, tmp_path: Path
) -> None:
    source = LOOP.format(interrupted="raise")
    both = run_both(tmp_path, source, act=partial(send, number=number))  # type: ignore[call-arg]
    assert both.bare.code == -number
    assert len(both.recording.requests) > 0


@pytest.mark.parametrize("send", [alone, group])
def test_a_signal_reaches_the_program_exactly_once(send: Act, tmp_path: Path) -> None:
    """Also when it is sent to the group: a second SIGTERM makes many servers give up at once."""
    source = """
        import signal, time, infprof
        seen = []
        signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
        with infprof.request(): pass
        print("ready", flush=True)
        while not seen: time.sleep(0.01)
        time.sleep(0.5)
        print(len(seen))
    """
    both = run_both(tmp_path, source, act=partial(send, number=signal.SIGTERM))  # type: ignore[call-arg]
    assert both.ours.out == b"ready\n1\n"


def test_an_interrupt_that_the_program_handles(tmp_path: Path) -> None:
    source = LOOP.format(interrupted="print('handled'); raise SystemExit(7)")
    both = run_both(tmp_path, source, act=group)
    assert both.ours.code == 7 and both.ours.out == b"ready\nhandled\ncleaned up\n"
    assert both.recording.header.requests_seen == len(both.recording.requests)


def test_a_program_that_is_killed_from_outside(tmp_path: Path) -> None:
    """Its launcher lives on and reports."""
    source = """
        import os, signal, time, infprof
        for _ in range(1000):
            with infprof.request(): pass
        print("ready", flush=True)
        if os.fork() == 0:
            os.kill(os.getppid(), signal.SIGKILL)
            os._exit(0)
        time.sleep(30)
    """
    both = run_both(tmp_path, source, act=lambda process: None)
    assert both.bare.code == -signal.SIGKILL
    assert len(both.recording.requests) > 0 and "ended" in both.notes


def test_standard_input_is_the_program_s(tmp_path: Path) -> None:
    source = "import sys\nprint(sys.stdin.readline(), input(), sys.stdin.read())"
    both = run_both(tmp_path, source, stdin=b"one\ntwo\nthree\nfour")
    assert b"one" in both.ours.out and b"four" in both.ours.out


def test_standard_input_may_be_closed(tmp_path: Path) -> None:
    run_both(tmp_path, "import sys\nprint(repr(sys.stdin.read()))", stdin=None)


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_stream_may_be_missing(closed: str, tmp_path: Path) -> None:
    write(
        tmp_path,
        "import sys\nopen('seen','w').write(repr([s and s.name for s in (sys.stdin, sys.stdout, "
        "sys.stderr)]))\nsys.exit(3)",
    )
    seen = []
    for command in (PYTHON, (*INFPROF, "run", "-o", "out")):
        line = f"{' '.join(command)} script.py {closed}"
        assert subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True).returncode == 3
        seen.append((tmp_path / "seen").read_text())
    assert seen[0] == seen[1]
    assert (tmp_path / "out" / "report.json").is_file()


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    write(tmp_path, "for n in range(100_000): print(n)")
    seen = []
    for command in (PYTHON, (*INFPROF, "run", "-o", "out")):
        line = f"{' '.join(command)} script.py 2>err | head -1; cat err | head -4"
        seen.append(subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True).stdout)
    assert seen[0].startswith(b"0\nTraceback") and seen[0] == seen[1]
    assert (tmp_path / "out" / "report.json").is_file()
