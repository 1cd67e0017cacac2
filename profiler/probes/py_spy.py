"""The py-spy program: where it is, how it is started and ended, and why it gave nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from ctypes import CDLL
from pathlib import Path

from infprof.profiler.clock import now_ns
from infprof.profiler.probes.quiet_files import read

RATE = 40
"""Samples a second of all processes together: at 100, the 4 to 6 % of a core that it takes made
DataLoader workers on two cores keep their reader waiting."""

LOWEST_RATE = 10
"""Of one process: less says nothing of a run of some seconds."""

LOWEST_WATCHED_RATE = 20
"""Of one process that is watched for seconds only, by nothing else."""

LONGEST_S = 60
MOST_MEMORY_BYTES = 300 << 20
"""It keeps all that it saw in memory; a program with many processes fills that in seconds."""

MOST_TEXT = 65_536
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

RESTRICTED = "this system does not let py-spy look into the program (ptrace is restricted)"
_REASONS = {
    "permission denied": RESTRICTED,
    "operation not permitted": RESTRICTED,
    "invalid value": "this py-spy is too old: 0.4 or later writes times",
    "isn't a valid value": "this py-spy is too old: 0.4 or later writes times",
    "no python processes": "py-spy found no Python: the program ended too soon, or is restricted",
}


def find() -> str | None:
    """The program: beside this Python, as it was installed with us, or on the path."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("py-spy")


def may_be_traced(pid: int) -> bool:
    """Whether the kernel lets us look into a process; True for one that is gone."""
    try:
        os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC))
    except PermissionError:
        return False
    except OSError:
        pass
    return True


class PySpy:
    """One run of it, from ``start`` to ``end``."""

    def __init__(self, program: str, output: Path) -> None:
        self.program, self.output = program, output
        self.rate = RATE
        self.started_ns = self.ended_ns = 0
        """Its clock began after the first and stood at its last event before the second."""
        self.begun_ns = 0
        """It said that it samples."""
        self.cost_ns = 0
        """CPU time it took."""
        self.status: int | None = None
        """As ``subprocess`` gives it, once it has ended."""
        self._text = b""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, pid: int, processes: int, *, dies_with_us: bool = False) -> None:
        """Begin with a process and its children, so many in all; ``dies_with_us``: where the thread
        that calls this ends, it is killed. Raises ``OSError``."""
        prepare = _die_with_parent if dies_with_us else _take_interrupts
        lowest = LOWEST_WATCHED_RATE if dies_with_us else LOWEST_RATE
        self.rate = max(RATE // processes, lowest)
        self.started_ns = now_ns()
        self._process = subprocess.Popen(
            self._command(pid),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal's Ctrl-C is for the program
            preexec_fn=prepare,
        )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)

    def _command(self, pid: int) -> list[str]:
        return [
            self.program, "record", "--pid", str(pid), "--output", str(self.output),
            "--format", "chrometrace", "--rate", str(self.rate), "--duration", str(LONGEST_S),
            "--subprocesses", "--idle", "--threads", "--full-filenames", "--nonblocking",
        ]  # fmt: skip

    def is_running(self) -> bool:
        """Whether it runs; to be asked now and then."""
        if self._process is None or self.status is not None:
            return False
        self._listen()
        pid, status, used = os.wait4(self._process.pid, os.WNOHANG)
        if pid == 0:
            return True
        self._process.returncode = self.status = os.waitstatus_to_exitcode(status)
        self.cost_ns = int((used.ru_utime + used.ru_stime) * 1e9)
        self._listen()
        self.ended_ns = now_ns()
        return False

    def stay_small(self) -> None:
        """Let it write what it has before it fills the memory."""
        if self._process is not None and self.status is None:
            pages = (read(f"/proc/{self._process.pid}/statm") or "0 0").split()[1]
            if int(pages) * _PAGE_BYTES > MOST_MEMORY_BYTES:
                self._process.send_signal(signal.SIGINT)

    def end(self, patience_s: float) -> None:
        """Have it write what it saw, and wait for that, but no longer than so."""
        deadline = time.monotonic() + patience_s
        if self.is_running() and self._process is not None:
            self._process.send_signal(signal.SIGINT)
        while self.is_running():
            if time.monotonic() > deadline and self._process is not None:
                self._process.kill()
            time.sleep(0.005)
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()

    def failure(self) -> str | None:
        """Why it gave nothing; ``None`` where it wrote its output. To be asked after its end."""
        if self.status == 0 and self.output.exists():
            return None
        if self.status == -signal.SIGINT and not self.begun_ns:
            return "the program ended before py-spy had begun"
        if self.status is not None and self.status < 0:
            return f"py-spy was ended by signal {-self.status}"
        text = self._text.decode("utf-8", "replace")
        for words, reason in _REASONS.items():
            if words in text.lower():
                return reason
        errors = [line for line in text.splitlines() if line.lower().startswith("error")]
        return f"py-spy failed: {errors[0]}" if errors else "py-spy ended without a word"

    def _listen(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        stream = self._process.stdout.fileno()
        try:
            while heard := os.read(stream, MOST_TEXT):
                self._text = (self._text + heard)[-MOST_TEXT:]
        except BlockingIOError:
            pass
        if not self.begun_ns and b"Sampling process" in self._text:
            self.begun_ns = now_ns()


PR_SET_PDEATHSIG, _LIBC = 1, CDLL(None)


def _die_with_parent() -> None:
    """So that nothing looks into the process any more when we were killed. Py-spy stops nobody."""
    _take_interrupts()
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _take_interrupts() -> None:
    """In py-spy before it starts: the launcher holds signals, and its children inherit that."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
