"""What attaching to processes can show, what not, why, and the command that would change that."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from infprof.profiler.agent.asking import socket_of
from infprof.profiler.doctor import Check, check_nvml, check_py_spy
from infprof.profiler.outside.hindrances import hindrance
from infprof.profiler.outside.open_files import sees_all_processes
from infprof.profiler.outside.permission import Hindrance, forbidden
from infprof.profiler.outside.process import Process
from infprof.profiler.probes.proc import scheduled
from infprof.profiler.probes.quiet_files import read

Question = Callable[[Process], Hindrance | None]


def sight(processes: Sequence[Process]) -> list[Check]:
    """One row for each thing to be seen of these processes, and one for each reason why not."""
    return [
        *_stacks(processes),
        *_rows("thread states", "who runs, who waits, and in which system call", processes, _state),
        *_rows(
            "CPU by thread",
            "how long each thread ran, and waited for a CPU",
            processes,
            _scheduling,
        ),
        gpu(processes),
        inside_torch(processes),
    ]


def gpu(processes: Sequence[Process], nvml: Callable[[], Check] = check_nvml) -> Check:
    """What NVML will tell."""
    if all(one.uses_gpu is False for one in processes):
        return Check("GPU", None, "none of these processes computes on one")
    answers = nvml()
    if not answers.ok:
        return Check("GPU", answers.ok, answers.detail, answers.cure)
    if not sees_all_processes():
        detail = "load, memory, clocks and power of whole GPUs; by process only from the host"
        return Check("GPU", True, detail)
    return Check("GPU", True, "load and memory, also by process; clocks, power, throttling")


def inside_torch(processes: Sequence[Process]) -> Check:
    """Whether operators, kernels and copies can be recorded: by an agent, from outside never."""
    if all(one.uses_torch is False for one in processes):
        return Check("inside torch", None, "none of these processes has torch loaded")
    if any(socket_of(one.pid) is not None for one in processes):
        return Check("inside torch", True, "operators, kernels and copies: it has an agent")
    opt_in = "only after `infprof run --serve -- ...` or INFPROF_AGENT=1"
    detail = f"operators, kernels and copies: {opt_in}"
    return Check("inside torch", None, detail, "infprof run --serve -- COMMAND")


def _stacks(processes: Sequence[Process]) -> list[Check]:
    program = check_py_spy()
    if not program.ok:
        return [Check("stacks", False, program.detail, program.cure)]
    return _rows("stacks", "the Python code that each thread is in", processes, hindrance)


def _state(process: Process) -> Hindrance | None:
    if read(f"/proc/{process.pid}/task/{process.pid}/syscall") is not None:
        return None
    return forbidden(process.pid, process.label, process.uid) or Hindrance(
        f"{process.label}: this kernel does not tell", "a kernel with CONFIG_HAVE_ARCH_TRACEHOOK"
    )


def _scheduling(process: Process) -> Hindrance | None:
    if scheduled("/proc", process.pid, process.pid) is not None:
        return None
    return Hindrance(
        f"{process.label}: this kernel does not count it", "a kernel with CONFIG_SCHED_INFO"
    )


def _rows(what: str, shows: str, processes: Sequence[Process], ask: Question) -> list[Check]:
    """One row for all that can be seen, one for each process that cannot."""
    found = [(one, ask(one)) for one in processes]
    open_ones = [one for one, hindered in found if hindered is None]
    rows = [Check(what, False, hindered.why, hindered.cure) for _, hindered in found if hindered]
    if not open_ones:
        return rows
    only = f" (of {', '.join(str(one.pid) for one in open_ones)})" if rows else ""
    return [Check(what, True, shows + only), *rows]
