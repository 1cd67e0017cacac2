"""Run a program as ``python`` would, record it from inside, and sample it from outside.

The program is a child process of its own: it has the real ``__main__``, exit code, signals and
standard streams, and our sampling and analysis share no interpreter with it.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from infprof.profiler import bootstrap, registry
from infprof.profiler.child import write_order
from infprof.profiler.collectors import Facts, SamplingCollector, Target, Unavailable
from infprof.profiler.group_witness import GroupWitness
from infprof.profiler.schedule import Plan

FORWARDED = {
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
}
HELD = FORWARDED | {signal.SIGCHLD}
SI_KERNEL = 128
"""Origin of a signal that the terminal sent to the whole foreground group, the child included."""

_take: Callable[..., signal.struct_siginfo | None] = signal.sigtimedwait


class Sampling:
    """All sampling collectors on one target; each failure is an ordinary answer."""

    def __init__(self, target: Target) -> None:
        self.running: dict[str, SamplingCollector] = {}
        self.refused: dict[str, str] = {}
        modules = registry.load("infprof.profiler.collectors", "infprof.collectors")
        for name, module in modules.items():
            if hasattr(module, "Collector"):
                self._start(name, module.Collector(), target)

    def _start(self, name: str, collector: SamplingCollector, target: Target) -> None:
        try:
            collector.start(target)
            self.running[name] = collector
        except Unavailable as reason:
            self.refused[name] = str(reason)
        except Exception as error:  # a stranger's collector may not stop the run
            self.refused[name] = f"{type(error).__name__}: {error}"

    def stop(self) -> dict[str, Facts | str]:
        """What each source saw, or why it saw nothing."""
        return {**{name: one.stop() for name, one in self.running.items()}, **self.refused}


def run(
    command: list[str], folder: Path, plan: Plan, entries: dict[str, dict[str, str]]
) -> tuple[int, dict[str, Facts | str]]:
    """Run ``python *command`` to its end, recorded into ``folder``. ``entries`` are wrapped besides
    the known ones (``entry_points``).

    Returns its status as ``subprocess`` gives it (negative: ended by that signal) and the samples.
    """
    hold_signals()
    witness = GroupWitness(FORWARDED)
    try:
        child = subprocess.Popen(
            [sys.executable, *command],
            env=_environment(folder, plan, entries),
            preexec_fn=_release_signals,
        )
        sampling = Sampling(Target(child.pid, os.environ.get("CUDA_VISIBLE_DEVICES")))
        status = _wait(child, witness)
        return status, sampling.stop()
    finally:
        witness.stop()
        while _take(FORWARDED, 0) is not None:  # meant for the program, which has ended
            pass
        _release_signals()


def hold_signals() -> None:
    """Take signals one by one with ``sigtimedwait`` from now on, instead of being interrupted.

    To be called before any library starts a thread: one that does not hold them would catch them.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)


def die_like(status: int) -> int:
    """Exit code for ``sys.exit``; a status of death by signal is re-enacted and does not return.

    So the shell, or whoever waits for us, sees what it would have seen of the program itself.
    """
    if status >= 0:
        return status
    number = -status
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program's own core dump is enough
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    return 128 + number


def _environment(folder: Path, plan: Plan, entries: dict[str, dict[str, str]]) -> dict[str, str]:
    """Ours, plus what ``bootstrap/sitecustomize.py`` needs and takes out again."""
    environment = _with_bootstrap()
    path = os.environ.get("PYTHONPATH")
    if path is not None:
        environment["INFPROF_PYTHONPATH"] = path
    environment["INFPROF_SESSION"] = write_order(folder, plan, entries)
    return environment


def _with_bootstrap() -> dict[str, str]:
    """Our environment, in which each Python begins with ``bootstrap/sitecustomize.py``."""
    path, first = os.environ.get("PYTHONPATH"), str(Path(bootstrap.__file__).parent)
    return {**os.environ, "PYTHONPATH": first if not path else f"{first}{os.pathsep}{path}"}


def become(command: list[str]) -> NoReturn:
    """Go on as another program, which has an agent, as have all its children that are Python's.

    Raises ``OSError`` where that cannot be run.
    """
    os.execvpe(command[0], command, {**_with_bootstrap(), "INFPROF_AGENT": "1"})


def _release_signals() -> None:
    """In the child before the program starts, so that it gets signals as ``python`` would."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)


def _wait(child: subprocess.Popen[bytes], witness: GroupWitness) -> int:
    """Until the child ends, pass on signals that were meant for it."""
    while (status := child.poll()) is None:
        came = _take(HELD, 0.5)
        if came is None or came.si_signo not in FORWARDED:
            continue  # SIGCHLD; or nothing came, which Python misreads after a stop (Ctrl-Z)
        if came.si_code != SI_KERNEL and not witness.saw(came.si_signo) and child.poll() is None:
            child.send_signal(came.si_signo)
    return status
