"""What our own processes do without, and that nobody else's notices."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import pytest

from infprof.frugality import THREADS, no_collection, one_thread

THREADS_AFTER_IMPORT = """
import os
from infprof.frugality import one_thread
with one_thread():
    import numpy
print(len(os.listdir("/proc/self/task")))
"""


def test_numpy_is_imported_without_threads_of_its_own() -> None:
    environment = {name: value for name, value in os.environ.items() if name != THREADS}
    command = [sys.executable, "-c", THREADS_AFTER_IMPORT]
    done = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60)
    assert done.stdout == b"1\n"


def test_programs_that_we_start_do_not_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(THREADS, raising=False)
    with pytest.raises(ImportError), one_thread():
        assert os.environ[THREADS] == "1"
        raise ImportError
    assert THREADS not in os.environ


def test_what_the_user_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(THREADS, "3")
    with one_thread():
        assert os.environ[THREADS] == "3"
    assert os.environ[THREADS] == "3"


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_is_as_it_was(is_on: bool) -> None:
    was_on = gc.isenabled()
    try:
        (gc.enable if is_on else gc.disable)()
        with no_collection():
            assert not gc.isenabled()
        assert gc.isenabled() == is_on
    finally:
        (gc.enable if was_on else gc.disable)()
