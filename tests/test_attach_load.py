"""infprof attach --load: a load runs while a server is watched, and its result is joined."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infprof import attaching
from infprof.attaching import Wanted, attach_and_report
from infprof.cli import main
from infprof.profiler.loads import running
from infprof.profiler.loads.asked import asked
from tests.metrics_pages import vllm

K6 = """\
#!{python} -IS
import http.client, json, signal, sys, time
plan = json.load(open(sys.argv[-1]))
took, began = [], time.monotonic()
if plan["is_deaf"]:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
try:
    while plan["requests"] is None or len(took) < plan["requests"]:
        start = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", plan["port"])
        connection.request("GET", "/predict")
        connection.getresponse().read()
        took.append((time.monotonic() - start) * 1000)
except KeyboardInterrupt:
    print("interrupted")
print("\\x1b[31mthresholds were crossed", file=sys.stderr)
mean, count = sum(took) / len(took), len(took)
metrics = {{
    "http_reqs": {{"count": count, "rate": count / (time.monotonic() - began)}},
    "http_req_duration": {{"avg": mean, "med": mean, "max": max(took), "p(90)": mean}},
    "http_req_failed": {{"passes": 0, "fails": len(took), "value": 0}},
    "vus_max": {{"value": 1, "min": 1, "max": 1}},
    "iterations": {{"count": len(took)}},
}}
if plan["status"] != 1:
    with open(sys.argv[sys.argv.index("--summary-export") + 1], "w") as file:
        json.dump({{"metrics": metrics}}, file)
sys.exit(plan["status"])
"""


@dataclass
class Server:
    """An engine on loopback that answers after a while, and counts what it answered."""

    port: int
    answered: int = 0
    has_answered: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            if self.path == "/metrics":
                data = vllm(engine.answered).encode()
            else:
                threading.Event().wait(0.01)
                engine.answered += 1
                if engine.answered > 1:  # then the load has one answer at least
                    engine.has_answered.set()
                data = b"1"
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with suppress(BrokenPipeError):  # the load has just been ended
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    engine = Server(http.server_port)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield engine
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


Command = Callable[..., str]


@pytest.fixture
def k6(tmp_path: Path, server: Server) -> Command:
    """The command line of a k6 of ours, which sends so many requests and ends so."""

    def make(
        requests: int | None = 20, *, options: str = "", status: int = 0, is_deaf: bool = False
    ) -> str:
        program, script = tmp_path / "k6", tmp_path / "x.js"
        program.write_text(K6.format(python=sys.executable))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        plan = {"port": server.port, "requests": requests, "status": status, "is_deaf": is_deaf}
        script.write_text(json.dumps(plan))
        return f"{program} run {options} {script}"

    return make


def attach(out: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["attach", *arguments, "-o", str(out)])


def report_in(out: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report


def note(report: dict[str, Any], code: str) -> str:
    return str(next(one["text"] for one in report["quality"]["notes"] if one["code"] == code))


@pytest.fixture(autouse=True)
def pages_in_quick_succession(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attaching, "BETWEEN_PAGES_S", 0.1)


def watched(server: Server, command: str, out: Path) -> dict[str, Any]:
    """What is reported of a server that is watched until the load ends."""
    attach_and_report((server.url,), Wanted(0.1, False, command), out, False)
    return report_in(out)


def test_the_window_lasts_until_the_load_ends(tmp_path: Path, server: Server, k6: Command) -> None:
    report = watched(server, k6(30, options="--tag token=hf_aaaaaaaaaaaa1"), tmp_path / "out")
    assert report["load"]["tool"] == "k6" and report["load"]["requests"] == 30
    assert report["load"]["arrivals"] is None  # the script alone says how it sends
    assert 0 < report["load"]["generator_cpu"] <= 1
    assert report["serving"]["counts"]["requests"] == 30
    assert report["serving"]["window_ns"] > 0.3e9
    assert "k6 run" in report["settings"]["load_command"]
    assert "hf_aaaa" not in (tmp_path / "out" / "report.json").read_text()
    assert "passed before or after the engine" in note(report, "outside-the-engine")


def test_a_closed_loop_is_called_out(tmp_path: Path, server: Server, k6: Command) -> None:
    report = watched(server, k6(options="--vus 1"), tmp_path / "out")
    assert report["load"]["arrivals"] == "paced" and report["load"]["concurrency"] == 1
    found = [one for one in report["findings"] if one["rule"] == "invalid-load-test"]
    assert any("waited for each answer" in one["why"] for one in found)


def test_a_load_that_fails_shows_its_last_lines(
    tmp_path: Path, server: Server, k6: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    report, said = watched(server, k6(5, status=1), tmp_path / "out"), capsys.readouterr().err
    assert "| " in said and "thresholds were crossed" in said and "\x1b" not in said
    assert report["load"] is None and report["serving"]["counts"]["requests"] == 5
    assert "exit code 1" in note(report, "load-beside")


def test_a_result_counts_whatever_the_exit_code(
    tmp_path: Path, server: Server, k6: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    report = watched(server, k6(5, status=99), tmp_path / "out")
    assert report["load"]["requests"] == 5 and "exit code 99" in note(report, "load-beside")
    assert "thresholds were crossed" in capsys.readouterr().err


def test_a_load_without_end_is_cut(tmp_path: Path, server: Server, k6: Command) -> None:
    done = attach(tmp_path / "out", server.url, "--duration", "1", "--load", k6(None))
    assert done.exit_code == 0
    report = report_in(tmp_path / "out")
    assert report["load"]["requests"] > 0
    assert "ended before its own end" in note(report, "load-beside")


def test_a_load_that_hears_nothing_is_killed(
    tmp_path: Path, server: Server, k6: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = [(number, 0.1) for number, _ in running.END_WITHIN]
    monkeypatch.setattr(running, "END_WITHIN", quick)
    command = k6(None, is_deaf=True)
    done = attach(tmp_path / "out", server.url, "--duration", "0.5", "--load", command)
    assert done.exit_code == 0 and "result is missing" in done.output
    assert report_in(tmp_path / "out")["load"] is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_load_and_still_reports(
    tmp_path: Path, server: Server, k6: Command, number: int
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "infprof", "attach", server.url, "-o", str(out)]
    with subprocess.Popen(
        [*command, "--load", k6(None)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert server.has_answered.wait(20)
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    report, answered = report_in(out), server.answered
    assert answered - report["load"]["requests"] <= 1  # it wrote its summary, and sends no more
    assert server.answered == answered


def test_an_unknown_tool_is_read_where_it_prints(tmp_path: Path, server: Server) -> None:
    result = '{"url": "x", "non2xx": 0, "errors": 0, "duration": 2, "connections": 4, '
    result += '"requests": {"total": 40}, "latency": {"average": 20, "p50": 20}}'
    (tmp_path / "printed").write_text(result)
    cat = f"cat {tmp_path / 'printed'}"
    attach(tmp_path / "out", server.url, "--duration", "0.2", "--load", cat)
    assert report_in(tmp_path / "out")["load"]["requests"] == 40
    copy = f"cp {tmp_path / 'printed'} {{out}}"
    attach(tmp_path / "other", server.url, "--duration", "0.2", "--load", copy)
    assert report_in(tmp_path / "other")["load"]["requests"] == 40


def test_no_result_is_said_in_one_sentence(tmp_path: Path, server: Server) -> None:
    done = attach(tmp_path / "out", server.url, "--duration", "0.2", "--load", "true")
    assert done.exit_code == 0 and "write {out} where its file is named" in done.output
    assert report_in(tmp_path / "out")["load"] is None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--load", "true"), "say what to watch"),
        (("http://127.0.0.1:1", "--load", "no-such-program-here --now"), "there is no program"),
        (("http://127.0.0.1:1", "--load", "k6 'run"), "No closing quotation"),
        (("http://127.0.0.1:1", "--load", " "), "which command"),
    ],
)
def test_what_cannot_run_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    done = attach(tmp_path / "out", *arguments)
    assert done.exit_code == 2 and complaint in done.output and done.output.count("\n") == 1


HERE = Path("/ours")


@pytest.mark.parametrize(
    ("command", "words", "places"),
    [
        ("k6 run x.js", "k6 run --summary-export /ours/summary.json x.js", "/ours/summary.json"),
        ("k6 run --summary-export=a.json x.js", None, "a.json"),
        ("k6 inspect x.js", None, ""),
        ("docker run grafana/k6 run -", None, ""),
        ("env A=b k6 run x.js", "env A=b k6 run --summary-export /ours/summary.json x.js",
         "/ours/summary.json"),
        ("vegeta attack -targets=t", "vegeta attack -output /ours/results.bin -targets=t", ""),
        ("ghz -c 2 host", "ghz -o /ours/result.json -O json -c 2 host",
         "/ours/result.json"),
        ("ghz -O json -o r.json host", None, "r.json"),
        ("locust -f x.py", "locust --csv /ours/locust --headless -f x.py",
         "/ours/locust_stats.csv"),
        ("python3 -m locust --headless --csv=run[1]", None, "run[[]1]_stats.csv"),
        ("vllm bench serve --model m", "vllm bench serve --model m --save-result --result-dir "
         "/ours --result-filename result.json", "/ours/result.json"),
        ("vllm bench serve --save-result --result-dir d", None, "d/*.json"),
        ("vllm serve m", None, ""),
        ("python -m sglang.bench_serving", "python -m sglang.bench_serving --output-file "
         "/ours/result.jsonl", "/ours/result.jsonl"),
        ("genai-perf profile -m x", "genai-perf profile -m x --artifact-dir /ours",
         "/ours/**/*_genai_perf.json /ours/**/*_aiperf.json"),
        ("npx autocannon http://h", "npx autocannon --json http://h", ""),
        ("mine --to {out}.csv", "mine --to /ours/out.csv", "/ours/out*"),
    ],
)  # fmt: skip
def test_each_tool_is_asked_for_its_result(command: str, words: str | None, places: str) -> None:
    found = asked(command.split(), HERE)
    assert found.words == (words or command).split()
    assert found.places == tuple(places.split())


@pytest.mark.parametrize(
    ("rate", "expected"), [("50", 50), ("50/1s", 50), ("3000/m", 50), ("0", None), ("x/y", None)]
)
def test_what_vegeta_was_told_to_send(rate: str, expected: float | None) -> None:
    found = asked(["vegeta", "attack", f"-rate={rate}"], HERE)
    assert found.rate_per_s == expected
    assert found.after == ["vegeta", "report", "-type=json", "/ours/results.bin"]


def test_of_a_file_that_was_there_only_what_is_new_counts(tmp_path: Path) -> None:
    old = (Path(__file__).parent / "load_documents.py").read_text("utf-8")
    file = tmp_path / "runs.jsonl"
    file.write_text(old)
    words = ["cp", str(file), f"{file}.copy", "--output-file"]
    ran = running.Running(["python3", "-m", "sglang.bench_serving", *words, str(file)], tmp_path)
    assert ran._written() == []
    file.write_text(f'{old}{{"new": 1}}\n')
    assert ran._written() == [(file, b'{"new": 1}\n')]
