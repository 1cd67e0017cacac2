"""A program under ``infprof run`` behaves as under ``python``, and leaves a report or a reason."""

from __future__ import annotations

import json
import signal
import subprocess
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest

from tests.programs import INFPROF, PYTHON, Act, alone, group, run_both, start, write

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
def loop():
    while True: serve(1); started.set(); time.sleep(0.001)
threading.Thread(target=loop, daemon=True).start()
started.wait(); print('main ends')""",
    "thread goes on": """
said = threading.Event()
def loop(): [serve(n) for n in range(1000)]; said.wait(); print('thread ends')
threading.Thread(target=loop).start(); print('main ends'); said.set()""",
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
    assert both.missing["ops"] == "the program did not import torch"


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
    def wait():  # in short sleeps: a signal that comes just before one begins does not end it
        for _ in range(6000): time.sleep(0.01)
    for _ in range(100):
        with infprof.request():
            pass
    try:
        with infprof.request():
            print("ready", flush=True); wait()
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


def test_a_run_that_is_stopped_and_continued_goes_on(tmp_path: Path) -> None:
    """As with Ctrl-Z and ``fg``: long enough for our wait for signals to run out meanwhile."""
    source = """
        import time, infprof
        print("ready", flush=True)
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            with infprof.request(): time.sleep(0.01)
        print("done")
    """

    def stop_and_go(process: subprocess.Popen[bytes]) -> None:
        group(process, signal.SIGSTOP)
        time.sleep(1.2)
        group(process, signal.SIGCONT)

    both = run_both(tmp_path, source, act=stop_and_go)
    assert both.ours.code == 0 and both.ours.out == b"ready\ndone\n"


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


SURROUNDINGS = """
    import json, os, sys
    def facts():
        spec = sys.modules['__main__'].__spec__
        return {
            'argv': sys.argv, 'path': sys.path, 'name': __name__, 'file': __file__,
            'package': __package__, 'spec': spec and spec.name, 'cwd': os.getcwd(),
            'flags': list(sys.flags), 'executable': sys.executable, 'orig': sys.orig_argv[1:],
            'environment': {k: v for k, v in os.environ.items() if k != 'PYTEST_CURRENT_TEST'},
            'main': sorted(vars(sys.modules['__main__'])),
            'hooks': [sys.excepthook is sys.__excepthook__, sys.gettrace(), sys.getprofile()],
            'threads': __import__('threading').active_count(),
            'limit': sys.getrecursionlimit(), 'switch': sys.getswitchinterval(),
        }
    if __name__ == '__main__':
        print(json.dumps(facts(), indent=1, sort_keys=True))
"""


def test_the_program_finds_itself_in_the_same_surroundings(tmp_path: Path) -> None:
    arguments = ["--flag", "-o", "x", "--", "-m", "", "a b", "*", "--help"]
    both = run_both(tmp_path, SURROUNDINGS, arguments)
    assert b'"--help"' in both.ours.out and b"INFPROF" not in both.ours.out


def test_a_python_path_of_the_user_s_is_kept(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    write(tmp_path / "lib", "import sys\nsys.real = True", "sitecustomize.py")
    write(tmp_path / "lib", "VALUE = 1", "helper.py")
    source = (
        SURROUNDINGS
        + "    import helper, sitecustomize\n    print(sys.real, sitecustomize.__file__)\n"
    )
    both = run_both(tmp_path, source, env={"PYTHONPATH": f"{tmp_path / 'lib'}:/nonexistent"})
    assert both.ours.out.endswith(b"lib/sitecustomize.py\n")


@pytest.mark.parametrize("error", ["ValueError('bad')", "ImportError('gone')", "SystemExit(3)"])
def test_a_sitecustomize_that_fails_fails_as_ever(error: str, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    write(tmp_path / "lib", f"raise {error}", "sitecustomize.py")
    run_both(tmp_path, "print('body')", env={"PYTHONPATH": str(tmp_path / "lib")})


def test_an_empty_python_path_stays_empty(tmp_path: Path) -> None:
    run_both(tmp_path, SURROUNDINGS, env={"PYTHONPATH": ""})


def test_a_module_runs_as_with_m(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    write(package, SURROUNDINGS, "inner.py")
    write(package, "from package.inner import facts\nprint(facts()['argv'])", "__main__.py")
    write(package, "", "__init__.py")
    for module in ("package", "package.inner"):
        bare = start([*PYTHON, "-m", module, "x", "-m"], tmp_path)
        command = [*INFPROF, "run", "-o", "out", "-m", module, "x", "-m"]
        ours = start(command, tmp_path)
        assert (ours.code, ours.out) == (bare.code, bare.out) and bare.code == 0
        assert ours.err.startswith(bare.err)


def test_a_folder_with_a_main_runs(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    write(tmp_path / "app", "import sys\nprint(sys.argv, sys.path[0])", "__main__.py")
    bare = start([*PYTHON, "app", "x"], tmp_path)
    ours = start([*INFPROF, "run", "app", "x"], tmp_path)
    assert (ours.code, ours.out) == (bare.code, bare.out) == (0, bare.out)


WORKERS = """
    import infprof, multiprocessing, os, pickle, sys

    class Item:
        def __init__(self, number): self.number = number
        def __eq__(self, other): return self.number == other.number

    @infprof.annotate('double')
    def double(item):
        with infprof.request():
            return Item(item.number * 2)

    if __name__ == '__main__':
        assert pickle.loads(pickle.dumps(Item(1))) == Item(1)
        with infprof.request(), multiprocessing.get_context('{method}').Pool(2) as pool:
            print([item.number for item in pool.map(double, map(Item, range(5)))])
            print(pool.apply(os.getenv, ('PYTHONPATH',)))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_of_workers(method: str, tmp_path: Path) -> None:
    both = run_both(tmp_path, WORKERS.format(method=method))
    assert both.ours.out.startswith(b"[0, 2, 4, 6, 8]\n") and both.ours.code == 0
    assert len(both.recording.requests) == 1, "the workers' own are not recorded"


TORCH = """
    import os, sys
    import infprof, torch
    torch.set_num_threads(1)
    model = torch.nn.Linear(8, 8).eval()

    def serve():
        with infprof.request(), torch.inference_mode():
            return model(torch.ones(2, 8))

"""

TORCH_ENDS = {
    "returns": "for _ in range(30): serve()",
    "raises in a window": "for _ in range(6): serve()\nwith infprof.request(): 1 / 0",
    "exits in a window": "for _ in range(6): serve()\nwith infprof.request(): sys.exit(3)",
    "os._exit after windows": "for _ in range(60): serve()\nos._exit(5)",
    "forks after a window": """
for _ in range(30): serve()
sys.stdout.flush()
child = os.fork()
if child == 0: serve(); print('child'); sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))""",
    "forks in a window": """
for _ in range(6): serve()
with infprof.request():
    child = os.fork()
    if child == 0: model(torch.ones(1, 8)); sys.exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
for _ in range(30): serve()""",
    "serves in threads": """
import threading
threads = [threading.Thread(target=lambda: [serve() for _ in range(50)]) for _ in range(4)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]; print('all')""",
    "loads data with workers": """
class Data(torch.utils.data.Dataset):
    def __len__(self): return 12
    def __getitem__(self, index): return torch.full((8,), float(index))
loader = torch.utils.data.DataLoader(Data(), batch_size=1, num_workers=2)
for _ in range(2):
    for batch in loader:
        with infprof.request(), torch.inference_mode(): print(model(batch).shape)""",
}


@pytest.mark.parametrize("end", TORCH_ENDS)
def test_a_program_with_torch_ends_as_under_python(end: str, tmp_path: Path) -> None:
    both = run_both(tmp_path, textwrap.dedent(TORCH) + TORCH_ENDS[end])
    assert "ops" not in both.missing
    assert both.recording.header.windows


OWN_PROFILERS = {
    "before": "with profile(): model(torch.ones(1, 8))\nfor _ in range(30): serve()",
    "around": "with profile() as own:\n    for _ in range(30): serve()\nprint(count(own))",
    "around some": """
for n in range(60):
    if n == 4: own = profile(); own.start()
    serve()
    if n == 25: own.stop(); print(count(own))""",
    "in a request": """
for n in range(60):
    with infprof.request():
        with profile() as own: model(torch.ones(1, 8))
        print(count(own))""",
    "with a schedule": """
with profile(schedule=torch.profiler.schedule(wait=2, warmup=2, active=3, repeat=2)) as own:
    for _ in range(30): serve(); own.step()
print(count(own))""",
}


@pytest.mark.parametrize("when", OWN_PROFILERS)
def test_the_program_s_own_profiler_sees_what_it_would_see(when: str, tmp_path: Path) -> None:
    count = """
from torch.profiler import profile
def count(own): return sum(event.name == 'aten::linear' for event in own.events())
"""
    both = run_both(
        tmp_path,
        textwrap.dedent(TORCH) + count + OWN_PROFILERS[when],
        env={"KINETO_LOG_LEVEL": "99"},
    )
    assert when == "before" or "its own torch.profiler" in str(both.missing | both.notes)


def test_torch_may_be_imported_late(tmp_path: Path) -> None:
    source = """
        import infprof
        for number in range(60):
            if number == 20:
                import torch
            with infprof.request():
                number < 20 or torch.ones(2) + 1
    """
    both = run_both(tmp_path, source)
    assert len(both.recording.header.windows) == 3 and "ops" not in both.missing


def test_a_compiled_model(tmp_path: Path) -> None:
    source = """
        import infprof, torch
        torch.set_num_threads(1)
        model = torch.compile(torch.nn.Linear(8, 8), backend='aot_eager')
        for _ in range(30):
            with infprof.request(), torch.inference_mode():
                print(model(torch.ones(2, 8)).shape)
    """
    both = run_both(tmp_path, source)
    assert both.recording.header.windows


def test_a_run_whose_launcher_was_killed_can_still_be_reported(tmp_path: Path) -> None:
    source = """
        import os, signal, infprof
        for _ in range(10):
            with infprof.request(): pass
        os.kill(os.getppid(), signal.SIGKILL)
    """
    write(tmp_path, source)
    assert start([*INFPROF, "run", "-o", "out", "script.py"], tmp_path).code == -signal.SIGKILL
    ended = start([*INFPROF, "report", "out", "-o", "again.html"], tmp_path)
    assert ended.code == 0, ended.err.decode()
    assert (tmp_path / "again.html").stat().st_size > 10_000


BAD_RUNS = {
    "missing script": (["nothing.py"], "nothing.py: no such script"),
    "folder is a file": (["-o", "file", "ok.py"], "file: cannot be written"),
    "folder of others": (["-o", "full", "ok.py"], "full: holds other files"),
    "no room for a folder": (["-o", "/proc/x", "ok.py"], "/proc/x: cannot be written"),
}


@pytest.mark.parametrize("case", BAD_RUNS)
def test_bad_input_is_one_line(case: str, tmp_path: Path) -> None:
    write(tmp_path, "print('ran')", "ok.py")
    write(tmp_path, "", "file")
    (tmp_path / "full").mkdir()
    write(tmp_path / "full", "precious", "thesis.txt")
    options, line = BAD_RUNS[case]
    ended = start([*INFPROF, "run", *options], tmp_path)
    assert (ended.code, ended.out) == (2, b"")
    assert ended.err.decode().startswith(f"infprof: {line}") and ended.err.count(b"\n") == 1
    assert (tmp_path / "full" / "thesis.txt").read_text() == "precious"


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    inner = f"import subprocess\nprint(subprocess.run({[*INFPROF, 'run', 'ok.py']}).returncode)"
    write(tmp_path, "print('inner ran')", "ok.py")
    write(tmp_path, inner, "outer.py")
    ended = start([*INFPROF, "run", "outer.py"], tmp_path)
    assert (ended.code, ended.out) == (0, b"2\n")
    assert b"another process records into it" in ended.err


@pytest.mark.parametrize("code", [0, 3])
def test_a_report_that_fails_costs_neither_exit_code_nor_recording(
    code: int, tmp_path: Path
) -> None:
    write(
        tmp_path,
        f"import infprof, os, sys\nwith infprof.request(): pass\nos.mkdir('out/report.html')\n"
        f"sys.exit({code})",
    )
    ended = start([*INFPROF, "run", "-o", "out", "script.py"], tmp_path)
    assert ended.code == code and b"Traceback" not in ended.err
    assert b"Try again with: infprof report out -o report.html" in ended.err
    again = start([*INFPROF, "report", "out", "-o", "report.html"], tmp_path)
    assert again.code == 0 and (tmp_path / "report.html").is_file()


def test_a_program_that_deletes_its_output_is_not_disturbed(tmp_path: Path) -> None:
    write(
        tmp_path,
        "import infprof, shutil, sys\nwith infprof.request(): pass\nshutil.rmtree('out')\n"
        "print('end'); sys.exit(4)",
    )
    ended = start([*INFPROF, "run", "-o", "out", "script.py"], tmp_path)
    assert (ended.code, ended.out) == (4, b"end\n") and b"Traceback" not in ended.err


def test_json_goes_to_standard_output_after_the_program_s(tmp_path: Path) -> None:
    write(tmp_path, "print('said')")
    ended = start([*INFPROF, "run", "--json", "script.py"], tmp_path)
    said, _, text = ended.out.partition(b"\n")
    assert said == b"said" and json.loads(text)["schema"] == "infprof.report/1"


def test_what_is_left_is_for_its_owner_alone(tmp_path: Path) -> None:
    write(tmp_path, "print('x')")
    start([*INFPROF, "run", "-o", "out", "script.py", "--token", "hunter2"], tmp_path)
    for path in [tmp_path / "out", *(tmp_path / "out").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0 or path.parent != tmp_path, path
        assert path.is_dir() or b"hunter2" not in path.read_bytes()
    assert (tmp_path / "out" / "report.html").stat().st_mode & 0o077 == 0
