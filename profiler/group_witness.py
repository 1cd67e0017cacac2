"""Tells whether a signal was sent to our whole process group, and so reached the program already.

The kernel does not say so to the receiver. Hence this file is also a tiny program: it sits in the
same group, and in the same control group, and reports each signal that reaches it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

PATIENCE_SECONDS = 0.2
"""How long the witness may take to report; only a signal meant for us alone waits this long."""


class GroupWitness:
    """The running witness. It inherits our signal mask, so hold the signals before starting it."""

    def __init__(self, signals: set[signal.Signals]) -> None:
        numbers = [str(int(one)) for one in sorted(signals)]
        self._process = subprocess.Popen(
            [sys.executable, "-IS", __file__, str(os.getpid()), *numbers],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        self._reports = self._process.stdout

    def saw(self, number: int) -> bool:
        """Whether the signal that just reached us was sent to everybody here."""
        while select.select([self._reports], [], [], PATIENCE_SECONDS)[0]:
            report = os.read(self._reports.fileno(), 1)
            if report == bytes([number]):
                return True
            if not report:
                return False
        return False

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._reports.close()


def _watch(parent: int, signals: set[int]) -> None:
    while os.getppid() == parent:
        came = signal.sigtimedwait(signals, 1)
        if came is not None and came.si_signo in signals:  # misread after a stop (Ctrl-Z)
            os.write(1, bytes([came.si_signo]))


if __name__ == "__main__":
    _watch(int(sys.argv[1]), {int(number) for number in sys.argv[2:]})
