"""torch.profiler windows: operators, launches, kernels and copies, written out as Kineto traces.

It drives torch's tracer through the functions below ``torch.profiler``, because the Python class
imports for 2 s at its first start and reads every event back at each stop (0.5 s for 12 000 events,
against 0.07 s; measured on torch 2.13). The trace file it writes is the same. It is stopped in a
thread of its own, which takes the memory for that from another heap (``heap_holes``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from infprof.profiler.collectors import Unavailable
from infprof.profiler.kineto_thread import kineto_thread_noted
from infprof.profiler.other_thread import in_other_thread
from infprof.profiler.quiet_kineto import quiet_kineto

ALIGNING_MARKS = 8
"""Marks set at either end of a window, at times known on both clocks; the tightest one counts."""

DEVICES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
"""One of these exists where CUDA or ROCm can work. To ask torch would start the driver, and a
driver that was started cannot be used in the children that the program may fork later."""

THREAD_VARIABLES = "OMP_NUM_THREADS", "MKL_NUM_THREADS"

MARK = "infprof:mark"


class Window:
    """One stretch under the tracer; opened by ``__init__``, ended by ``close``."""

    def __init__(self, yield_to_user: Callable[[], None]) -> None:
        """Open. Raises ``Unavailable``. ``yield_to_user`` is called when the program itself starts
        torch's profiler, which does not nest: ours must be closed by then."""
        torch = sys.modules.get("torch")
        if torch is None:
            raise Unavailable("the program has not imported torch")
        try:
            if torch.autograd._profiler_enabled():
                raise Unavailable("the program runs its own torch.profiler, which does not nest")
            config, activities, self.any_thread_may_stop = _settings(torch)
            with quiet_kineto(), kineto_thread_noted():
                torch.autograd._prepare_profiler(config, activities)
            torch.autograd._enable_profiler(config, activities)
            torch.autograd.profiler._run_on_profiler_start()
        except (AttributeError, TypeError, RuntimeError) as error:
            raise Unavailable(f"torch's tracer did not start: {error}") from error
        _prepare_for_forks()
        self.torch = torch
        self.marks: list[int] = []
        self.facts: dict[str, Any] | None = None
        """Of the closed window: a signal's handler may interrupt who closes it, who asks again."""
        self.start_ns = perf_counter_ns()
        self._mark()
        self.restore = _watch_user_profiler(yield_to_user)

    def close(self, path: Path) -> dict[str, Any]:
        """Stop, write the trace to ``path`` and describe the window. Raises ``Unavailable``, and
        ``OSError`` where the file cannot be made; the tracer is off in any case."""
        if self.facts is None:
            self.restore()
            self._mark()
            end = perf_counter_ns()
            if self.any_thread_may_stop:
                in_other_thread(lambda: self._stop(path, end))
            else:
                self._stop(path, end)
        assert self.facts is not None
        return self.facts

    def _stop(self, path: Path, end: int) -> None:
        try:
            result = self.torch.autograd._disable_profiler()
            self.torch.autograd.profiler._run_on_profiler_stop()
            path.touch(mode=0o600)  # where this fails, torch would only print it
            result.save(str(path))
        except RuntimeError as error:
            raise Unavailable(f"torch's tracer did not stop: {error}") from error
        self.facts = {
            "file": path.name,
            "start_ns": self.start_ns,
            "end_ns": end,
            "marks_ns": self.marks,
        }

    def _mark(self) -> None:
        record = self.torch._C._profiler._RecordFunctionFast
        for _ in range(ALIGNING_MARKS):
            mark = record(MARK)
            self.marks.append(perf_counter_ns())
            mark.__enter__()
            mark.__exit__(None, None, None)


def _settings(torch: Any) -> tuple[Any, set[Any], bool]:
    """The light window of CATALOGUE section 0: shapes, device syncs and all threads, no stacks; and
    whether it sees all threads, so that any of them may stop it."""
    from torch._C._profiler import _ExperimentalConfig

    wanted = ("enable_cuda_sync_events", "profile_all_threads", "trace_only")
    known = _ExperimentalConfig.__init__.__doc__ or ""
    switches: dict[str, Any] = {switch: True for switch in wanted if switch in known}
    extra = _ExperimentalConfig(**switches)
    autograd = torch.autograd
    config = autograd.ProfilerConfig(
        autograd.ProfilerState.KINETO, True, False, False, False, False, extra, ""
    )
    activity = autograd.ProfilerActivity
    activities = {activity.CPU}
    if has_device(torch):
        activities.add(activity.CUDA)
    return config, activities, "profile_all_threads" in switches


def has_device(torch: Any) -> bool:
    """Whether torch uses a device, or could."""
    built = torch.version.cuda is not None or torch.version.hip is not None
    return bool(torch.cuda.is_initialized() or (built and any(map(os.path.exists, DEVICES))))


_prepared: list[bool] = []


def _prepare_for_forks() -> None:
    """Children forked from now on can exit, however long ago the last window was."""
    if not _prepared:
        _prepared.append(True)
        os.register_at_fork(after_in_child=_let_forked_child_exit)


def _let_forked_child_exit() -> None:
    """Call it in a forked child, once a window was open in its parent.

    Otherwise the child hangs at its exit: Kineto's last act is to wait for a thread that fork does
    not copy (torch 2.13; a plain torch.profiler does the same). These handlers run before that one.
    """
    import ctypes

    libc = ctypes.CDLL(None)
    try:
        libc.on_exit(libc._exit, None)  # gets the status as its first argument
        libc.__cxa_atexit(libc.fflush, None, None)
    except AttributeError:  # not glibc
        return


def _watch_user_profiler(yield_to_user: Callable[[], None]) -> Callable[[], None]:
    """Close our window before the program's own profiler starts; returns the undo."""
    from torch.autograd import profiler

    original = profiler.profile._prepare_trace

    def prepare_trace(self: Any) -> Any:
        yield_to_user()
        return original(self)  # type: ignore[no-untyped-call]

    def restore() -> None:
        if profiler.profile._prepare_trace is prepare_trace:
            profiler.profile._prepare_trace = original  # type: ignore[method-assign]

    profiler.profile._prepare_trace = prepare_trace  # type: ignore[method-assign]
    return restore


def torch_facts() -> dict[str, Any]:
    """Versions and switches of the imported torch; empty without torch. Reads defensively: after
    ``fp32_precision`` was set, reading the older switches raises (verified on 2.13)."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "version"):
        return {}
    questions: dict[str, Callable[[], Any]] = {
        "torch": lambda: str(torch.__version__),
        "cuda": lambda: torch.version.cuda,
        "hip": lambda: torch.version.hip,
        "cuda_available": lambda: has_device(torch),
        "threads": lambda: int(torch.get_num_threads()),
        "threads_by_environment": lambda: any(name in os.environ for name in THREAD_VARIABLES),
        "matmul_precision": lambda: str(torch.get_float32_matmul_precision()),
        "cudnn_tf32": lambda: bool(torch.backends.cudnn.allow_tf32),
        "cudnn_benchmark": lambda: bool(torch.backends.cudnn.benchmark),
    }
    found: dict[str, Any] = {}
    for name, ask in questions.items():
        try:
            found[name] = ask()
        except Exception:  # of another version, or still being imported
            found[name] = None
    return found
