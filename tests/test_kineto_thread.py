"""The thread that torch's tracer leaves behind goes, if it is there because of us."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.agents import environment
from tests.programs import start, write

pytest.importorskip("torch")

PROGRAM = """
import os, time
from pathlib import Path
import torch
from infprof.profiler.collectors.kernels import Window
from infprof.profiler.kineto_thread import end_kineto_thread

def has(threads):
    latest = time.monotonic() + 20
    while len(os.listdir("/proc/self/task")) != threads and time.monotonic() < latest:
        time.sleep(0.001)
    return len(os.listdir("/proc/self/task")) == threads

def windows():
    for _ in range(3):
        Window(lambda: None).close(Path("window.json"))
        yield Path("window.json").stat().st_size > 1000

def ours():
    for is_whole in windows():
        end_kineto_thread()
        yield is_whole and has(1)

def wanted():
    os.environ["KINETO_CONFIG"] = "/dev/null"
    yield from windows()
    end_kineto_thread()
    yield has(2)

def the_programs_own():
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]):
        pass
    yield has(2)
    yield from windows()
    end_kineto_thread()
    yield has(2)

for case in (ours, wanted, the_programs_own):
    if not os.fork():
        print(case.__name__, *case(), flush=True)
        os._exit(0)
    os.wait()
"""


def test_it_ends_where_nobody_else_wants_it(tmp_path: Path) -> None:
    script = write(tmp_path, PROGRAM)
    ended = start([sys.executable, script.name], tmp_path, env=environment(tmp_path))
    assert ended.out.decode().splitlines() == [
        "ours True True True",
        "wanted True True True True",
        "the_programs_own True True True True True",
    ], ended.err.decode()
