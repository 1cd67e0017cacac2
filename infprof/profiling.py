"""``profile``: one object that is a decorator, a decorator with options, and a context manager."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from infprof.profiler.request import is_worker, request, serve, serving
from infprof.profiler.schedule import Plan
from infprof.profiler.wrapping import wrap

if TYPE_CHECKING:
    from infprof.profiler.launch import Sampling
    from infprof.profiler.session import Session
    from infprof.reports.report import Report

Function = TypeVar("Function", bound=Callable[..., Any])

_beginning = Lock()

BLOCK_PLAN = Plan(warmup=0, plain=0, window=1 << 40, windows=1, window_seconds=1e9)
"""A block is traced from its first request to its end: who asks for a block wants all of it."""


class InProcess:
    """A session of this very process, with its sampling, its output folder and its report."""

    def __init__(self, folder: Path, plan: Plan, name: str) -> None:
        from infprof.output import prepare
        from infprof.profiler.collectors import Target
        from infprof.profiler.launch import Sampling
        from infprof.profiler.session import Session
        from infprof.settings_file import working_folder

        self.begun_in = working_folder()
        self.folder, self.name, self.plan, self.pid = folder, name, plan, os.getpid()
        self.output = prepare(folder)
        self.session: Session = Session(self.output.raw, plan)
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        self.sampling: Sampling = Sampling(Target(self.pid, visible))
        self.report: Report | None = None
        self.session.start()
        serve(self.session)

    def finish(self) -> None:
        """End the session and write its reports; once, and only in the process that began it."""
        if serving() is not self.session or os.getpid() != self.pid:
            return
        from infprof.judging import judging
        from infprof.output import explain, keep
        from infprof.profiler.recording import Subject
        from infprof.settings import settings_of

        serve(None)
        self.session.finish()
        subject = Subject(kind="profile", name=self.name, command=list(sys.argv))
        recording = keep(self.output, subject, self.sampling.stop(), settings_of(self.plan))
        self.report = explain(recording, self.output, judging(folder=self.begun_in))
        self.output.release()
        _say(f"report in {self.folder / 'report.html'}")


def _say(line: str) -> None:
    if sys.stderr is not None:  # closed by who started the program
        sys.stderr.write(f"infprof: {line}\n")


def _begin(folder: Path, plan: Plan, name: str) -> InProcess | None:
    """A session of this process; ``None`` in a worker of another, or where it cannot be."""
    multiprocessing = sys.modules.get("multiprocessing")
    if is_worker() or (multiprocessing and multiprocessing.parent_process() is not None):
        return None
    with _beginning:
        if serving() is not None:  # another thread was faster
            return None
        try:
            return InProcess(folder, plan, name)
        except Exception as error:  # the user's program goes on without us
            _say(f"not recording: {error}")
            return None


def _has_agent() -> bool:
    """Whether others may attach to this process: they record it then, and it need not itself."""
    agent = sys.modules.get("infprof.profiler.agent.serving")
    return agent is not None and bool(agent.is_on())


def _finish(profiled: InProcess) -> None:
    """Write the report; a failure of ours is one line, never one of the program."""
    try:
        profiled.finish()
    except Exception as error:
        _say(f"no report could be written: {error}")


def _finish_at_exit(profiled: InProcess) -> None:
    _finish(profiled)
    if getattr(sys, "last_type", None) is KeyboardInterrupt:
        # running any text as code made Python forget how the program ended; remind it
        with suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")


class Profiling:
    """What ``profile(...)`` with options gives: a decorator and a context manager."""

    def __init__(self, folder: Path, name: str | None, plan: Plan) -> None:
        self.folder, self.name, self.plan = folder, name, plan
        self._begun = False
        self._profiled: InProcess | None = None
        self._block = request(name or "block")

    def __call__(self, function: Function) -> Function:
        name = self.name or str(getattr(function, "__qualname__", type(function).__qualname__))
        return wrap(function, lambda: self._request(name))

    def _request(self, name: str) -> request:
        if not self._begun and serving() is None and not _has_agent():
            self._begun = True
            profiled = _begin(self.folder, self.plan, name)
            if profiled is not None:
                atexit.register(_finish_at_exit, profiled)
        return request(name)

    def __enter__(self) -> Profiling:
        self._profiled = None
        if serving() is None:
            self._profiled = _begin(self.folder, BLOCK_PLAN, self._block.name)
        if self._profiled is not None:
            self._profiled.session.enter_block()
        else:
            self._block.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._profiled is None:
            self._block.__exit__(kind, error, trace)
        else:
            self._profiled.session.leave_block(self._block.name, failed=error is not None)
            _finish(self._profiled)

    @property
    def report(self) -> Report | None:
        """The report, once the block has ended; ``None`` if there is none."""
        return self._profiled.report if self._profiled is not None else None


@overload
def profile(function: Function, /) -> Function: ...
@overload
def profile(*, out: str = ..., name: str | None = ..., **plan: int) -> Profiling: ...
def profile(
    function: Callable[..., Any] | None = None,
    /,
    *,
    out: str = "infprof-report",
    name: str | None = None,
    **plan: int,
) -> Any:
    """Profile the requests that a function serves, or those inside a block.

    ``@profile`` or ``@profile(out=..., warmup=...)`` marks each call as a request. Under
    ``infprof run``, and in a process with ``infprof.agent``, that is all; otherwise the first call
    starts a session, and the program's exit writes the reports into ``out``. ``with profile() as
    session:`` traces its block at once: the requests marked inside, or else the block as one;
    ``session.report`` has the result afterwards.

    ``plan`` holds fields of ``infprof.profiler.schedule.Plan``; a wrong name raises ``TypeError``.
    """
    profiling = Profiling(Path(out), name, Plan(**plan))
    return profiling if function is None else profiling(function)
