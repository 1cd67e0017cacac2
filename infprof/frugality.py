"""What a process of ours does without, where its time is short or somebody else's."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

THREADS = "OPENBLAS_NUM_THREADS"


@contextmanager
def no_collection() -> Iterator[None]:
    """Without Python's garbage collector, which would look at millions of objects again and again:
    a report takes a fifth less time without, and leaves few cycles behind."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def one_thread() -> Iterator[None]:
    """To import numpy in. OpenBLAS starts a thread for each further processor as it is loaded, and
    each turns for 0.1 s and finds nothing to do (two cores: 0.2 s of CPU time to import numpy, and
    0.08 so). Nothing of ours multiplies matrices. Programs that we start must not see it."""
    if THREADS in os.environ:
        yield
        return
    os.environ[THREADS] = "1"
    try:
        yield
    finally:
        os.environ.pop(THREADS, None)
