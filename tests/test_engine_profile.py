"""infprof attach --engine-profile: an engine traces itself, and the report has both."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infprof import engine_beside
from infprof.cli import main
from infprof.diagnosis import diagnose
from infprof.load_beside import Meanwhile
from infprof.profiler.bad_input import BadInput
from infprof.profiler.explain import explain
from infprof.profiler.importers.metrics_page import recording_of
from infprof.profiler.recording import Recording
from infprof.profiler.serving import engine_profile as profile
from infprof.profiler.serving.engine_trace import parts, with_trace
from infprof.profiler.timeline import Timeline
from tests.build import recording
from tests.metrics_pages import histogram, values, vllm

SGLANG = histogram("sglang:e2e_request_latency_seconds", {"1.0": 4, "+Inf": 4}, 2.0) + values(
    {"sglang:num_running_reqs": 2, "sglang:num_queue_reqs": 0}
)


def steps(many: int = 40) -> list[dict[str, Any]]:
    """A trace of so many steps of 1 ms, each a small kernel of 0.1 ms that was launched late."""
    found: list[dict[str, Any]] = []
    for step in range(many):
        at, same = 1000 * step, {"correlation": step + 1}
        found += [
            {"ph": "X", "cat": "cpu_op", "name": "aten::mm", "pid": 1, "tid": 2, "ts": at,
             "dur": 900, "args": {}},
            {"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 1, "tid": 2,
             "ts": at + 800, "dur": 10, "args": same},
            {"ph": "X", "cat": "kernel", "name": "gemm", "pid": 0, "tid": 7, "ts": at + 815,
             "dur": 100, "args": {"device": 0, "stream": 7, **same}},
        ]  # fmt: skip
    return found


@dataclass
class Engine:
    """A server on loopback with the profile endpoints; what it was asked is kept."""

    folder: Path
    page: str = ""
    status: int = 200
    names: tuple[str, ...] = ("rank0.pt.trace.json.gz",)
    on_start: Callable[[], object] = str
    asked: list[tuple[str, Any]] = field(default_factory=list)
    url: str = ""

    def write(self) -> None:
        self.folder.mkdir(exist_ok=True)
        for place, name in enumerate(self.names):
            data = json.dumps({"traceEvents": steps(40 - place)}).encode()
            (self.folder / name).write_bytes(gzip.compress(data) if name[-1] == "z" else data)


@contextmanager
def running(engine: Engine) -> Iterator[Engine]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            pages.append("page")
            self._answer(200, engine.page or vllm(10 * len(pages)))

        def do_POST(self) -> None:  # noqa: N802
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            engine.asked.append((self.path, json.loads(body) if body else None))
            if self.path == "/start_profile":
                engine.on_start()
            elif engine.status == 200:
                engine.write()
            self._answer(engine.status, "")

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    pages: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    engine.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield engine
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def attach(engine: Engine, out: Path, *more: str) -> Result:
    arguments = ["attach", engine.url, "--duration", "0.4", "-o", str(out)]
    return CliRunner().invoke(main, [*arguments, "--engine-profile", str(engine.folder), *more])


def test_the_report_has_both(tmp_path: Path) -> None:
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "old.json").write_text('{"traceEvents": []}')
    with running(Engine(tmp_path / "traces")) as engine:
        done = attach(engine, tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert engine.asked == [("/start_profile", None), ("/stop_profile", None)]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["breakdown"]["wall_ms"] == 2000.0  # of a request, as the metrics tell
    assert [one["stage"] for one in report["breakdown"]["stages"]][:2] == ["compute", "queue"]
    assert report["latency"]["requests"] > 0 and report["device"]["kernels"] == 40
    notes = " ".join(one["text"] for one in report["quality"]["notes"])
    assert "own tracer ran" in notes and "rank0.pt.trace.json.gz" in notes
    again = CliRunner().invoke(main, ["report", str(tmp_path / "out"), "--json"])
    assert json.loads(again.output)["verdicts"] == report["verdicts"]


def test_sglang_is_told_the_folder(tmp_path: Path) -> None:
    names = ("1-TP-0.trace.json.gz", "1-TP-1.trace.json")
    with running(Engine(tmp_path / "new", SGLANG, names=names)) as engine:
        done = attach(engine, tmp_path / "out", "--load", "true")
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert {"load-beside", "engine-profile"} <= {one["code"] for one in report["quality"]["notes"]}
    told = {"output_dir": str(tmp_path / "new"), "activities": ["CPU", "GPU"]}
    assert engine.asked == [("/start_profile", told), ("/stop_profile", None)]


@pytest.mark.parametrize("status", [404, 405])
def test_an_engine_without_the_endpoint_is_reported_without(tmp_path: Path, status: int) -> None:
    with running(Engine(tmp_path, status=status)) as engine:
        done = attach(engine, tmp_path / "out")
    assert done.exit_code == 0 and "has no /start_profile" in done.output
    assert engine.asked[-1][0] == "/stop_profile"  # whatever came before
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "--profiler-config" in report["missing"]["kernels"]
    assert report["latency"]["requests"] > 0


def test_a_trace_that_never_comes_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "FILE_S", 0.3)
    with running(Engine(tmp_path, names=())) as engine:
        done = attach(engine, tmp_path / "out")
    assert done.exit_code == 0 and "no trace of vLLM came" in done.output


def test_whoever_wants_to_wait_no_longer_need_not(tmp_path: Path) -> None:
    engine, meanwhile = profile.EngineProfile("http://127.0.0.1:1", tmp_path, "vLLM"), Meanwhile(1)
    meanwhile.interrupt()
    assert meanwhile.stopped.is_set() and not meanwhile.hurried.is_set()
    meanwhile.interrupt()
    with pytest.raises(BadInput, match="came in 0 s"):
        engine.trace(meanwhile.hurried.wait)
    with pytest.raises(KeyboardInterrupt):
        meanwhile.interrupt()


def test_the_tracer_is_stopped_when_the_watching_is(tmp_path: Path) -> None:
    meanwhile = Meanwhile(1)
    meanwhile.goes_on(True)
    with running(Engine(tmp_path, on_start=meanwhile.interrupt)) as engine:
        prepared = profile.EngineProfile(engine.url, tmp_path, "vLLM")
        traced = engine_beside.trace(prepared, meanwhile, 0)
    assert [path for path, _ in engine.asked] == ["/start_profile", "/stop_profile"]
    assert traced.path is not None and traced.traced_ns < 10**9
    assert engine_beside.trace(prepared, meanwhile, 0).why == engine_beside.TOO_SOON


def test_half_a_file_is_not_taken(tmp_path: Path) -> None:
    engine = profile.EngineProfile("http://127.0.0.1:1", tmp_path, "vLLM")
    whole = gzip.compress(json.dumps({"traceEvents": steps(3)}).encode())
    path, looks = tmp_path / "a.json.gz", list[float]()
    path.write_bytes(whole[:-20])

    def wait(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 5:
            path.write_bytes(whole)

    assert engine.trace(wait) == path and len(looks) > 5


@pytest.mark.parametrize(
    ("page", "folder", "complaint"),
    [("up 1\n", ".", "has no profiler known here"), (vllm(1), "nowhere", "is no folder")],
)
def test_what_cannot_be_traced_is_refused(
    tmp_path: Path, page: str, folder: str, complaint: str
) -> None:
    with pytest.raises(BadInput, match=complaint):
        profile.engine_profile("http://127.0.0.1:1", page, tmp_path / folder)


def test_the_address_alone_is_wanted(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["attach", "1", "--engine-profile", str(tmp_path)])
    assert done.exit_code == 2 and "alone" in done.output and done.output.count("\n") == 1


@pytest.fixture
def both() -> Recording:
    """What vLLM told of requests of 2 s, 1.9 s of it in the model; and 40 steps of its own."""
    rows = " | ".join(
        f"main: {at}-{at + 900} op aten::mm | main: {at + 800}-{at + 810} call cudaLaunchKernel "
        f"#{at} | s7: {at + 815}-{at + 915} kernel gemm #{at}"
        for at in range(0, 40_000, 1_000)
    )
    told = recording_of("engine", [vllm(10), vllm(30)], 10**9)
    return with_trace(told, recording(rows, kind="trace"), 2 * 10**9)


def test_the_request_is_divided_as_the_metrics_tell(both: Recording) -> None:
    told, trace = parts(both) or pytest.fail("there are both")
    for one in (both, told):
        breakdown = explain(Timeline(one))
        assert breakdown.basis == "sampled" and breakdown.wall_ns == 2 * 10**9
    inside = explain(Timeline(trace))
    assert inside.basis == "critical-path" and inside.wall_ns < 50 * 10**6


def test_a_saving_in_the_trace_is_a_share_of_the_time_in_the_model(both: Recording) -> None:
    report = diagnose(both)
    found = [one for one in report.findings if "own trace" in one.why]
    assert found, [one.rule for one in report.findings]
    for one in found:
        assert one.stage == "compute" and one.saving.confidence == "C"
        assert 0 < one.saving.high_ms <= 1900 and one.saving.of == "request"
    assert report.verdict.limit == "compute-bound" and "A request" in report.verdict.sentence


def test_without_a_trace_there_is_one_part() -> None:
    assert parts(recording_of("engine", [vllm(10), vllm(30)], 10**9)) is None
    assert parts(recording("main: 0-9 op aten::mm")) is None
