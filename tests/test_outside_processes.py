"""Real processes are looked at from outside, and each that cannot be watched says why."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infprof.profiler.bad_input import BadInput
from infprof.profiler.collectors import Unavailable
from infprof.profiler.doctor import Check
from infprof.profiler.outside import open_files, sight
from infprof.profiler.outside.command_line import LONGEST_NAME, name_of
from infprof.profiler.outside.hindrances import unreadable_python
from infprof.profiler.outside.open_files import PYPY, GpuUse, python_in, sees_all_processes
from infprof.profiler.outside.permission import (
    Onlooker,
    Openness,
    explain,
    may_be_read,
    onlooker,
)
from infprof.profiler.outside.process import Process, status
from infprof.profiler.outside.processes import MOST_PID, look, servers
from infprof.profiler.probes.nvml_devices import connect
from tests.fake_nvml import FakeGpu, FakeNvml
from tests.programs import INFPROF, start

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
SOMEBODY, ANOTHER = 65_534, 65_533
PATIENCE_S = 20.0

SERVES = "import sys; print('ready', flush=True); sys.stdin.read()"
WITH_TORCH = "import torch; " + SERVES
CLOSED = "import ctypes; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); " + SERVES
WITH_WORKER = """
import os, sys
held = os.pipe()
if os.fork() == 0:
    os.close(held[1])
    {work}
    os.read(held[0], 1)
    os._exit(0)
{first}
print("ready", flush=True)
sys.stdin.read()
"""
TRACES = """
import ctypes, os, sys
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
pid = int(sys.argv[1])
if ptrace(16, pid, None, None) == 0:  # PTRACE_ATTACH
    os.waitpid(pid, 0x40000000)  # __WALL
    print("ready", flush=True)
sys.stdin.read()
"""
ASKS_AS = """
import os, sys
from infprof.profiler.bad_input import BadInput
from infprof.profiler.outside.processes import look
user, pid = map(int, sys.argv[1:])
os.setgroups([])
os.setgid(user)
os.setuid(user)
try:
    look(pid)
    print("nothing forbids it", end="")
except BadInput as error:
    print(error, end="")
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
with_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")

Start = Callable[..., "subprocess.Popen[bytes]"]


def until(is_so: Callable[[], bool]) -> None:
    """Poll, but no longer than a busy machine may need."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


def state(pid: int) -> str:
    return status(pid).get("State", "?")[0]


@pytest.fixture
def run() -> Iterator[Start]:
    """Starts programs; all are killed and waited for, whatever happens."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(
        *command: str, ready: bool = True, user: int | None = None
    ) -> subprocess.Popen[bytes]:
        program = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            cwd="/",
        )
        started.append(program)
        if ready:
            assert program.stdout is not None
            assert program.stdout.readline() == b"ready\n"
        return program

    yield begin
    for program in started:
        try:
            os.killpg(program.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        program.wait()
        for pipe in (program.stdin, program.stdout):
            assert pipe is not None
            pipe.close()


def python(run: Start, code: str, *arguments: str) -> subprocess.Popen[bytes]:
    return run(sys.executable, "-c", code, *arguments)


def python_of(run: Start, user: int, code: str) -> subprocess.Popen[bytes]:
    """A Python of another user, who need not be allowed to run ours."""
    for program in (sys.executable, shutil.which("python3", path=os.defpath)):
        try:
            if program:
                return run(program, "-c", code, user=user)
        except PermissionError:
            continue
    pytest.skip("no Python here that another user may run")


def refusal(pid: int) -> str:
    with pytest.raises(BadInput) as caught:
        look(pid)
    return str(caught.value)


def refusal_for(user: int, pid: int) -> str:
    """The same, asked by another user: in a process that becomes one once all is imported."""
    asked = subprocess.run(
        [sys.executable, "-c", ASKS_AS, str(user), str(pid)], capture_output=True, text=True
    )
    assert asked.returncode == 0, asked.stderr
    return asked.stdout


def test_a_python_process(run: Start) -> None:
    program = python(run, SERVES, "--api-key", "hunter2")
    [seen] = look(program.pid)
    assert (seen.pid, seen.parent, seen.uid) == (program.pid, os.getpid(), os.geteuid())
    assert (seen.python, seen.uses_torch, seen.uses_gpu, seen.threads) == (HERE, False, False, 1)
    assert seen.state in "SR" and seen.start_ticks > 0
    assert seen.command[-2:] == ["--api-key", "[redacted]"]
    assert servers([seen]) == [seen]


@with_torch
def test_torch_is_seen(run: Start) -> None:
    [seen] = look(python(run, WITH_TORCH).pid)
    assert seen.uses_torch is True and seen.python == HERE


def test_a_shell_whose_child_runs_python(run: Start, tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(SERVES)
    shell = run("/bin/sh", "-c", f"'{sys.executable}' '{script}'; true")
    first, child = look(shell.pid)
    assert (first.pid, first.python, first.uses_torch) == (shell.pid, None, False)
    assert (child.parent, child.name, child.python) == (shell.pid, "server.py", HERE)
    assert servers([first, child]) == [child]


def test_no_such_process(run: Start) -> None:
    program = run("/bin/true", ready=False)
    program.wait()
    for pid in (program.pid, 0, -1, MOST_PID + 1, 10**30):
        assert refusal(pid).startswith(f"there is no process {pid}; ")


def test_ourselves() -> None:
    assert "is infprof itself" in refusal(os.getpid())


def test_a_thread_is_no_process(run: Start) -> None:
    code = "import threading; threading.Thread(target=threading.Event().wait).start(); " + SERVES
    pid = python(run, code).pid
    thread = next(int(one) for one in os.listdir(f"/proc/{pid}/task") if int(one) != pid)
    assert refusal(thread) == f"{thread} is a thread of process {pid}; try: infprof attach {pid}"


def test_a_zombie(run: Start) -> None:
    program = run("/bin/true", ready=False)
    until(lambda: state(program.pid) == "Z")
    said = refusal(program.pid)
    assert f"process {program.pid} has ended" in said and f"process {os.getpid()} (" in said


def test_a_child_that_is_a_zombie_is_left_out(run: Start) -> None:
    program = python(run, "import os; os.fork() or os._exit(0); " + SERVES)
    [child] = map(int, Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split())
    until(lambda: state(child) == "Z")
    assert [one.pid for one in look(program.pid)] == [program.pid]


def test_a_stopped_one_is_left_stopped_and_goes_on_unharmed(run: Start) -> None:
    program = python(run, SERVES)
    os.kill(program.pid, signal.SIGSTOP)
    until(lambda: state(program.pid) == "T")
    said = refusal(program.pid)
    assert said.endswith(f" is stopped; try: kill -CONT {program.pid}")
    assert state(program.pid) == "T"
    os.kill(program.pid, signal.SIGCONT)
    until(lambda: state(program.pid) != "T")
    assert look(program.pid)
    assert program.stdin is not None
    program.stdin.close()
    assert program.wait(PATIENCE_S) == 0


def test_one_in_a_debugger(run: Start) -> None:
    program = python(run, SERVES)
    debugger = run(sys.executable, "-c", TRACES, str(program.pid), ready=False)
    until(lambda: state(program.pid) == "t" or debugger.poll() is not None)
    if debugger.poll() is not None:
        pytest.skip("processes may not be traced here")
    held = f"process {program.pid} (python"
    by = f"is held by process {debugger.pid} (python"
    said = refusal(program.pid)
    assert said.startswith(held) and by in said
    debugger.kill()
    debugger.wait()
    until(lambda: state(program.pid) not in "tT")
    assert look(program.pid)


def test_what_runs_no_python(run: Start) -> None:
    pid = run("/bin/sleep", "600", ready=False).pid
    until(lambda: status(pid).get("Name") == "sleep")
    assert refusal(pid).startswith(f"process {pid} (sleep) does not run Python; ")


def test_a_tree_without_python(run: Start) -> None:
    shell = run("/bin/sh", "-c", "sleep 600 & echo ready; wait")
    assert "does not run Python, nor does its child; " in refusal(shell.pid)


@as_root
def test_another_users_process(run: Start) -> None:
    program = python_of(run, SOMEBODY, SERVES)
    said = refusal_for(ANOTHER, program.pid)
    assert f"process {program.pid} (python" in said and " belongs to user " in said
    if onlooker().root_may:
        assert said.endswith(f"; try: sudo infprof attach {program.pid}")
        assert look(program.pid)[0].uid == SOMEBODY


@as_root
def test_one_that_closed_itself(run: Start) -> None:
    program = python_of(run, SOMEBODY, CLOSED)
    said = refusal_for(SOMEBODY, program.pid)
    assert f"process {program.pid} (python" in said and "PR_SET_DUMPABLE" in said
    if onlooker().root_may:
        assert said.endswith(f"; try: sudo infprof attach {program.pid}")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_one_of_ours_that_closed_itself(run: Start) -> None:
    assert "PR_SET_DUMPABLE" in refusal(python(run, CLOSED).pid)


@as_root
def test_what_is_open_to_its_own_user(run: Start) -> None:
    if onlooker().yama not in ("", "0"):
        pytest.skip("Yama lets only ancestors look")
    program = python_of(run, SOMEBODY, SERVES)
    assert refusal_for(SOMEBODY, program.pid) == "nothing forbids it"


def test_the_kernel_is_asked_and_not_guessed(run: Start) -> None:
    program = run("/bin/true", ready=False)
    program.wait()
    assert may_be_read(os.getpid())
    assert may_be_read(program.pid), "what is gone forbids nothing"


ON_A_HOST = Onlooker(uid=1000, root_may=True, is_filtered=False)
IN_A_CONTAINER = Onlooker(uid=1000, root_may=False, is_filtered=True)
SHUT, MAPS_ONLY, FILTERED = Openness(False, False), Openness(True, False), Openness(True, True)


def with_yama(level: str, who: Onlooker = ON_A_HOST) -> Onlooker:
    return Onlooker(who.uid, who.root_may, who.is_filtered, level, who.in_kubernetes)


@pytest.mark.parametrize(
    ("uid", "it", "me", "why", "cure"),
    [
        (0, SHUT, ON_A_HOST, "belongs to user root", "sudo infprof attach 7"),
        (0, SHUT, IN_A_CONTAINER, "belongs to user root", "docker run --cap-add=SYS_PTRACE"),
        (0, SHUT, Onlooker(0, False, True), "not given CAP_SYS_PTRACE", "--cap-add=SYS_PTRACE"),
        (0, SHUT, Onlooker(0, False, True, "", True), "CAP_SYS_PTRACE", "securityContext:"),
        (9, SHUT, Onlooker(0, True, False), "closed even to root", "on the host"),
        (1000, SHUT, ON_A_HOST, "PR_SET_DUMPABLE", "sudo infprof attach 7"),
        (
            1000, MAPS_ONLY, with_yama("1"), "ptrace_scope is 1",
            "sudo sysctl kernel.yama.ptrace_scope=0",
        ),
        (1000, MAPS_ONLY, with_yama("1", IN_A_CONTAINER), "ptrace_scope is 1", "--cap-add"),
        (1000, MAPS_ONLY, with_yama("2"), "ptrace_scope is 2", "sudo infprof attach 7"),
        (1000, MAPS_ONLY, with_yama("3"), "ptrace_scope is 3", "sudo reboot"),
        (0, SHUT, with_yama("3"), "ptrace_scope is 3", "sudo reboot"),
        (1000, FILTERED, IN_A_CONTAINER, "seccomp", "--cap-add=SYS_PTRACE"),
        (1000, MAPS_ONLY, ON_A_HOST, "security module", "dmesg"),
    ],
)  # fmt: skip
def test_each_reason_and_its_command(
    uid: int, it: Openness, me: Onlooker, why: str, cure: str
) -> None:
    found = explain(7, "process 7 (server.py)", uid, it, me)
    assert found.why.startswith("process 7 (server.py) ") and why in found.why
    assert cure in found.cure and "\n" not in str(found)


@pytest.mark.parametrize(("capabilities", "may"), [("80000", True), ("0", False), ("a8", False)])
def test_what_root_may_is_read_from_the_bounding_set(
    tmp_path: Path, capabilities: str, may: bool
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/status").write_text(f"CapBnd:\t{capabilities}\nSeccomp:\t2\n")
    me = onlooker(tmp_path)
    assert (me.root_may, me.is_filtered, me.yama) == (may, True, "")


def like(process: Process, **changes: object) -> Process:
    fields = {name: getattr(process, name) for name in Process.__slots__}
    return Process(**{**fields, **changes})


@pytest.mark.parametrize("version", ["2.7", "3.3", "3.10", "3.14", ""])
def test_pythons_that_py_spy_reads(version: str) -> None:
    assert unreadable_python(like(A_PROCESS, python=version)) is None


@pytest.mark.parametrize("version", ["2.6", "3.2", "3.13t", "3.15", "4.0", PYPY])
def test_pythons_that_it_does_not(version: str) -> None:
    found = unreadable_python(like(A_PROCESS, python=version))
    assert found is not None and version in found.why and "3.3 to 3.14" in found.why


A_PROCESS = Process(7, "server.py", [], HERE, False, False, 1, "S", 0, 1, 5)


def test_a_launcher_that_sleeps_is_not_worth_watching(run: Start) -> None:
    first, worker = look(python(run, WITH_WORKER.format(work="", first="")).pid)
    assert servers([first, worker]) == [worker]


def test_nor_is_one_that_has_loaded_torch_for_its_workers(run: Start) -> None:
    found = look(python(run, WITH_WORKER.format(work="", first="")).pid)
    first, worker = (like(one, uses_torch=True) for one in found)
    assert servers([first, worker]) == [worker] and servers([first]) == [first]


def test_a_parent_that_works_is(run: Start) -> None:
    busy = (
        "import threading\nclass Busy(threading.Thread):\n    def run(self):\n        while 1: pass"
    )
    first = f"{busy}\nBusy(daemon=True).start()"
    found = look(python(run, WITH_WORKER.format(work="", first=first)).pid)
    assert servers(found) == found and found[0].threads == 2


def test_who_uses_torch_or_a_gpu_is_watched_alone() -> None:
    torch, gpu = like(A_PROCESS, pid=8, uses_torch=True), like(A_PROCESS, pid=9, uses_gpu=True)
    no_python = like(A_PROCESS, pid=10, python=None, uses_gpu=True)
    unknown = like(A_PROCESS, pid=11, uses_torch=None, uses_gpu=None)
    assert servers([A_PROCESS, torch, gpu, no_python, unknown]) == [torch, gpu]
    assert servers([no_python]) == [] and servers([]) == []


def test_helpers_of_multiprocessing_do_not_serve() -> None:
    helper = like(A_PROCESS, pid=8, parent=7, name="multiprocessing.resource_tracker")
    assert servers([A_PROCESS, helper]) == [A_PROCESS]
    assert servers([helper]) == [helper]


@pytest.mark.parametrize(
    ("command", "program", "name"),
    [
        (["python", "-u", "/srv/server.py", "--port", "1"], "python3.11", "server.py"),
        (["/usr/bin/python3", "-m", "uvicorn", "app:app"], "python3.11", "uvicorn"),
        (["python", "-Im", "pkg.serve"], "python3.11", "pkg.serve"),
        (["python", "-mhttp.server"], "python3.11", "http.server"),
        (["python", "-X", "dev", "-W", "error", "/usr/bin/gunicorn"], "python3", "gunicorn"),
        (["python3", "-c", "print(1)", "x.py"], "python3.11", "python3"),
        (["python3", "-"], "python3.11", "python3"),
        (["python3"], "python3.11", "python3"),
        (
            ["python", "-c", "from multiprocessing.spawn import spawn_main; x", "--fork"],
            "python3.11", "multiprocessing.spawn",
        ),
        (["gunicorn: worker [app]"], "python3.11", "gunicorn: worker [app]"),
        (["VLLM::EngineCore"], "python3.12", "VLLM::EngineCore"),
        (["/usr/sbin/uwsgi", "--ini", "x.ini"], "uwsgi", "uwsgi"),
        ([], "kthreadd", "kthreadd"),
        (["python", "/tmp/\x1b[31mred.py"], "python3", "?[31mred.py"),
    ],
)  # fmt: skip
def test_what_a_process_is_called(command: list[str], program: str, name: str) -> None:
    assert name_of(command, program) == name


@given(st.lists(st.text(max_size=80), max_size=6), st.text(max_size=20))
def test_any_command_line_gives_a_short_printable_name(command: list[str], program: str) -> None:
    for tried in (command, ["python", *command]):
        name = name_of(tried, program)
        assert len(name) <= LONGEST_NAME and name.isprintable()


@pytest.mark.parametrize(
    ("files", "program", "version"),
    [
        (["/usr/lib/libpython3.11.so.1.0"], "uwsgi", "3.11"),
        (["/opt/lib/libpython3.13t.so.1.0"], "python3.13t", "3.13t"),
        (["/usr/lib/libpython2.7.so.1.0"], "apache2", "2.7"),
        (["/usr/bin/python3.9"], "python3.9", "3.9"),
        (["/app/_x.cpython-310-x86_64-linux-gnu.so"], "server", "3.10"),
        (["/app/_x.cpython-314t-aarch64-linux-gnu.so"], "server", "3.14t"),
        (["/usr/lib/python3.12/x.so"], "python3", "3.12"),
        (["/opt/libpypy3.10-c.so"], "pypy3.10", PYPY),
        (["/usr/lib/libc.so.6"], "python3", ""),
        (["/usr/lib/libpython3.so", "/usr/lib/libc.so.6"], "vim", None),
        ([], "sleep", None),
    ],
)
def test_which_python_it_is(files: list[str], program: str, version: str | None) -> None:
    assert python_in(files, program) == version


def gpu_use(*gpus: FakeGpu) -> GpuUse:
    return GpuUse(lambda: connect(FakeNvml(*gpus)))


def test_who_computes_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "sees_all_processes", lambda: True)
    busy = FakeGpu("GPU-a", processes=[SimpleNamespace(pid=7)])
    asks_only = ["/dev/nvidiactl", "/dev/nvidia0"]
    for files, expected in {
        ("/dev/nvidia-uvm",): True,
        ("/dev/kfd",): True,
        ("/dev/null",): False,
        (): False,
    }.items():
        assert gpu_use().by(7, files) is expected
    assert gpu_use(busy).by(7, asks_only) is True
    assert gpu_use(busy).by(8, asks_only) is False
    assert gpu_use(busy).by(7, None) is True
    assert gpu_use(busy).by(8, None) is None, "NVML knows NVIDIA's GPUs alone"


def test_nvml_is_let_go_of_and_may_refuse() -> None:
    nvml = FakeNvml(FakeGpu("GPU-a", processes=[SimpleNamespace(pid=7)]))
    assert open_files.pids_on_gpus(lambda: connect(nvml)) == {7} and nvml.open == 0
    lost = FakeNvml(FakeGpu("GPU-a", errors={"*": 15}))
    assert open_files.pids_on_gpus(lambda: connect(lost)) is None and lost.open == 0

    def absent() -> None:
        raise Unavailable("no driver")

    assert open_files.pids_on_gpus(absent) is None


def test_process_ids_of_a_container_are_not_nvmls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "sees_all_processes", lambda: False)
    busy = FakeGpu("GPU-a", processes=[SimpleNamespace(pid=7)])
    assert gpu_use(busy).by(7, ["/dev/nvidia0"]) is None
    assert isinstance(sees_all_processes(), bool)


def test_what_the_gpu_will_tell() -> None:
    there, absent = Check("NVML", True, "x"), Check("NVML", False, "no driver", "sudo modprobe")
    unknown = like(A_PROCESS, uses_gpu=None)
    assert sight.gpu([A_PROCESS], lambda: there).ok is None
    assert sight.gpu([unknown], lambda: there).ok is True
    refused = sight.gpu([unknown], lambda: absent)
    assert (refused.name, refused.ok, refused.cure) == ("GPU", False, "sudo modprobe")


def test_the_inside_of_torch_is_never_seen_from_outside() -> None:
    loaded = sight.inside_torch([A_PROCESS, like(A_PROCESS, uses_torch=True)])
    assert loaded.ok is None and "INFPROF_AGENT=1" in loaded.detail
    assert "infprof run --serve -- " in loaded.detail
    assert "has torch loaded" in sight.inside_torch([A_PROCESS]).detail


def test_what_can_be_seen_of_some_only(run: Start) -> None:
    first, worker = look(python(run, WITH_WORKER.format(work="", first="")).pid)
    os.kill(worker.pid, signal.SIGSTOP)
    until(lambda: state(worker.pid) == "T")
    [worker] = [one for one in look(first.pid) if one.pid == worker.pid]
    rows = [row for row in sight.sight([first, worker]) if row.name == "stacks"]
    if len(rows) == 1:
        pytest.skip("py-spy is not installed")
    seen, not_seen = rows
    assert seen.ok and f"(of {first.pid})" in seen.detail
    assert not not_seen.ok and not_seen.cure == f"kill -CONT {worker.pid}"


def test_the_doctor_looks_at_a_tree(run: Start, tmp_path: Path) -> None:
    program = python(run, WITH_WORKER.format(work="", first=""))
    ended = start([*INFPROF, "doctor", str(program.pid)], tmp_path, env={"COLUMNS": "200"})
    told = ended.out.decode()
    assert ended.code == 0 and not ended.err
    for words in ("stacks", "thread states", "CPU by thread", "GPU", "inside torch", HERE):
        assert words in told
    assert told.endswith(f"\nNext: infprof attach {program.pid}\n")
    assert [line.split()[-1] for line in told.splitlines()[1:3]] == ["no", "yes"]


@pytest.mark.parametrize("words", [["999999999"], ["x"], ["1", "--calibrate"]])
def test_the_doctor_refuses_in_one_line(words: list[str], tmp_path: Path) -> None:
    ended = start([*INFPROF, "doctor", *words], tmp_path)
    assert ended.code == 2 and not ended.out and b"Traceback" not in ended.err
