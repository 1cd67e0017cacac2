"""Unmodified scripts of every kind leave a report, and print what they print without us."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from infprof.reports.report import Report
from tests.programs import INFPROF, alone, run_both, start, write

pytest.importorskip("torch")

BEGIN = """
import sys, time
import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 256)).eval()

def prepare(number):
    rows = [[(number + k) % 7 / 7 for k in range(256)] for _ in range(16)]
    return torch.tensor(rows)

def predict(number):
    with torch.inference_mode():
        return int(model(prepare(number)).sum() * 1000)
"""

KINDS = {
    "a loop": "print([predict(n) for n in range(60)][-3:])",
    "short": "for n in range(4): print(predict(n))",
    "threads": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(3) as pool: print(sum(pool.map(predict, range(90))))""",
    "asyncio": """
import asyncio
async def handle(number):
    await asyncio.sleep(0.002)
    return predict(number)
async def main():
    return sum([sum(await asyncio.gather(*(handle(n) for n in range(4)))) for _ in range(20)])
print(asyncio.run(main()))""",
    "asyncio with a pool": """
import asyncio
async def main():
    loop = asyncio.get_running_loop()
    return sum([await loop.run_in_executor(None, predict, n) for n in range(60)])
print(asyncio.run(main()))""",
    "process pool": """
from concurrent.futures import ProcessPoolExecutor
if __name__ == '__main__':
    with ProcessPoolExecutor(2) as pool: print(sum(pool.map(predict, range(60))))""",
    "spawned pool": """
import multiprocessing
if __name__ == '__main__':
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        print(sum(pool.map(predict, range(30))))""",
    "loader workers": """
from torch.utils.data import DataLoader, Dataset
class Rows(Dataset):
    def __len__(self): return 120
    def __getitem__(self, n): return prepare(n)[0]
if __name__ == '__main__':
    with torch.inference_mode():
        for rows in DataLoader(Rows(), batch_size=4, num_workers=1): last = model(rows)
    print(int(last.sum() * 1000))""",
    "compiled": """
model = torch.compile(model, backend='eager')
print([predict(n) for n in range(40)][-3:])""",
    "scripted": """
model = torch.jit.freeze(torch.jit.script(model))
print([predict(n) for n in range(40)][-3:])""",
    "own profiler": """
import os
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # Kineto prints the time and the process's number
with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as own:
    print([predict(n) for n in range(40)][-3:])
print(any(event.key == 'aten::addmm' for event in own.key_averages()))""",
    "copies its model": """
import copy, io
predict(0)
buffer = io.BytesIO()
torch.save(model, buffer); buffer.seek(0)
model = torch.load(buffer, weights_only=False)
for n in range(30):
    model = copy.deepcopy(model)
    last = predict(n)
print(last, len(model._forward_hooks) >= 0)""",
    "raises": """
for n in range(40): predict(n)
model(torch.zeros(1, 3))""",
}

WITHOUT_REQUESTS = {"process pool", "spawned pool"}
"""The model runs in other processes, which are not recorded."""


def report_in(folder: Path) -> Report:
    return Report.model_validate_json((folder / "out" / "report.json").read_bytes())


@pytest.mark.parametrize("kind", KINDS)
def test_an_unmodified_script_leaves_a_report(kind: str, tmp_path: Path) -> None:
    run_both(tmp_path, BEGIN + KINDS[kind])
    report = report_in(tmp_path)
    codes = {note.code for note in report.quality.notes}
    if kind in WITHOUT_REQUESTS:
        assert "whole-run" in codes or "requests" in report.missing
    else:
        assert "whole-run" not in codes
        assert report.latency.requests_seen >= 2
        assert sum(one.exposed_ns for one in report.breakdown.stages) == report.breakdown.wall_ns


def test_a_script_that_never_ends_is_stopped_and_reports(tmp_path: Path) -> None:
    text = BEGIN + "print('ready', flush=True)\nn = 0\nwhile True: predict(n); n += 1"
    script = write(tmp_path, text)

    def stop(process: subprocess.Popen[bytes]) -> None:
        time_to_work(tmp_path)
        alone(process)

    ended = start([*INFPROF, "run", "-o", "out", script.name], tmp_path, act=stop)
    assert ended.code == -signal.SIGINT
    assert report_in(tmp_path).latency.requests > 10


def time_to_work(folder: Path) -> None:
    """Wait until some requests were recorded."""
    marks = folder / "out" / "recording" / "raw" / "marks.bin"
    while not marks.exists() or marks.stat().st_size < 20_000:
        pass


def test_a_forked_child_leaves_its_parent_s_recording_alone(tmp_path: Path) -> None:
    text = """
    import os, sys
    from time import sleep
    import infprof

    for n in range(4):
        with infprof.request():
            sleep(0.001)
    if os.fork() == 0:
        for n in range(30): sleep(0.001)
        sys.exit(0)
    os.wait()
    with infprof.annotate("mine", stage="io"):
        sleep(0.001)
    """
    both = run_both(tmp_path, text)
    assert both.recording.header.requests_seen == 4 and len(both.recording.requests) == 4
    names = list(both.recording.events.names)
    assert "mine" in names and sum(name.startswith("time.sleep in") for name in names) == 2


def test_a_function_of_c_that_a_class_holds_is_no_method(tmp_path: Path) -> None:
    text = """
    import time
    class Clock:
        sleep = time.sleep
    Clock().sleep(0.001)
    print("slept")
    """
    run_both(tmp_path, text)
