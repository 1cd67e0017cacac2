"""What a mark costs while no window is open: ``annotate``, ``request`` and a decorated call.

``python benchmarks/marks.py`` prints nanoseconds a call, the best of several rounds, next to the
same loop around nothing, so that a slow machine is told from a slow mark. Bars: 1000 for a range,
2000 for a decorated call.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns

from infprof import annotate, request
from infprof.profiler.annotate import Function
from infprof.profiler.request import serve
from infprof.profiler.schedule import Plan
from infprof.profiler.session import Session
from infprof.profiler.wrapping import wrap

CALLS, ROUNDS = 100_000, 7


class Empty:
    """The least that a ``with`` block can cost."""

    __slots__ = ()

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


def plain() -> None:
    """A function that does nothing."""


def as_request(function: Function) -> Function:
    """What ``@infprof.profile`` does to a function once a session runs."""
    return wrap(function, lambda: request("serve"))


decorated, ranged = as_request(plain), annotate("x")(plain)


def empty_block() -> None:
    with Empty():
        pass


def range_block() -> None:
    with annotate("tokenize", stage="preprocess"):
        pass


def request_block() -> None:
    with request("serve"):
        pass


MEASURED: dict[str, Callable[[], None]] = {
    "empty with block": empty_block,
    "annotate": range_block,
    "@annotate call": ranged,
    "request": request_block,
    "@profile call": decorated,
}


def best_ns(work: Callable[[], None]) -> float:
    """Nanoseconds of one call, without the loop and the call itself; the best round counts."""

    def once(function: Callable[[], None]) -> int:
        began = perf_counter_ns()
        for _ in range(CALLS):
            function()
        return perf_counter_ns() - began

    return (min(once(work) for _ in range(ROUNDS)) - min(once(plain) for _ in range(3))) / CALLS


def measure(state: str) -> None:
    """Print one block of results."""
    print(f"{state}:")
    for name, work in MEASURED.items():
        print(f"  {name:<18}{best_ns(work):8.0f} ns")


def main() -> None:
    """Off, then on without and with torch imported."""
    measure("off")
    with tempfile.TemporaryDirectory() as folder:
        session = Session(Path(folder), Plan(windows=0))
        session.start()
        serve(session)
        measure("on, no window open, torch not imported")
        import torch

        print(f"(torch {torch.__version__}, python {sys.version.split()[0]})")
        measure("on, no window open, torch imported")
        serve(None)
        session.finish()


if __name__ == "__main__":
    main()
