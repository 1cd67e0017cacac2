"""ONNX Runtime's own profile as a recording: runs are requests, nodes are the model's compute."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import infprof
from infprof.profiler.bad_input import BadInput
from infprof.profiler.importers import importer_of, kineto, onnxruntime
from infprof.profiler.recording import Phase

REAL = Path(__file__).parents[2] / "shared/data/other/onnxruntime_profile_mkldnn_1_threads.json"


def event(name: str, start: int, end: int, cat: str = "Node", **args: str) -> dict[str, Any]:
    """As it writes them, times in microseconds."""
    return {"cat": cat, "pid": 7, "tid": 8, "dur": end - start, "ts": start, "ph": "X",
            "name": name, "args": args}  # fmt: skip


def node(op: str, provider: str, start: int, end: int) -> dict[str, Any]:
    name = f"{op}_1_kernel_time"
    return event(name, start, end, op_name=op, provider=f"{provider}ExecutionProvider")


def profile(*nodes: dict[str, Any], runs: int = 1) -> str:
    """A session whose runs take 1000 us each and have these nodes."""
    events = [event("session_initialization", 0, 50, "Session")]
    for run in range(1, runs + 1):
        events += [{**one, "ts": one["ts"] + 2000 * run} for one in nodes]
        events.append(event("model_run", 2000 * run, 2000 * run + 1000, "Session"))
    return "[\n" + ",\n".join(map(json.dumps, events)) + "\n]\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "onnxruntime_profile.json"
    path.write_text(text)
    return path


def test_runs_are_requests_and_the_first_is_cold(tmp_path: Path) -> None:
    path = written(tmp_path, profile(node("Conv", "CUDA", 100, 300), runs=3))
    assert importer_of(path) is onnxruntime
    found = infprof.load(path)
    assert found.requests.phase.tolist() == [Phase.COLD, Phase.TRACED, Phase.TRACED]
    assert (found.requests.end_ns - found.requests.start_ns).tolist() == [1_000_000] * 3
    assert found.events.names[found.events.name[0]] == "Conv (CUDAExecutionProvider)"


def test_the_report_does_not_say_where_nodes_computed(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        profile(node("MemcpyFromHost", "CUDA", 0, 100), node("Conv", "CUDA", 100, 900), runs=2),
    )
    report = infprof.diagnose(infprof.load(path))
    stages = {one.stage: one.exposed_ns for one in report.breakdown.stages}
    assert stages == {"compute": 900_000, "python": 0, "unattributed": 100_000}
    assert "in the model: it is compute-bound" in report.verdict.sentence


def test_a_profile_that_breaks_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    text = profile(node("Conv", "CUDA", 100, 300), runs=3)
    found = infprof.load(written(tmp_path, text[: text.rindex('{"cat"') + 20]))
    assert len(found.requests) == 2 and "breaks off" in found.header.cuts[0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (profile(runs=0), "a profile of ONNX Runtime without a run"),
        (profile().replace('"dur"', '"dur" 3'), "cannot be read"),
        (profile().replace('"pid": 7', '"pid": "7"'), "without a run"),
        (profile().replace('"dur": 1000', '"dur": -1000'), "without a run"),
        (profile().replace('"ts": 2000', '"ts": 1e300'), "without a run"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, line: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=line) as error:
        infprof.load(written(tmp_path, text))
    assert "\n" not in str(error.value)


def test_other_chrome_traces_are_left_to_their_importer() -> None:
    assert not onnxruntime.recognises(b'[{"ph": "X", "name": "aten::mm"}]')
    assert kineto.recognises(b'[{"ph": "X", "name": "aten::mm"}]')


@pytest.mark.skipif(not REAL.exists(), reason="the recordings of others are not beside us")
def test_a_real_one() -> None:
    found = infprof.load(REAL)
    assert len(found.requests) == 21 and len(found.events) == 672
    report = infprof.diagnose(found)
    assert report.verdict.limit == "compute-bound" and not report.findings
    assert not [one for one in report.verdicts if one.outcome == "FAILED"]
