"""The example service behind a real uvicorn under ``infprof run``, loaded, ended with Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from infprof.reports.report import Report

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("torch", "fastapi", "uvicorn")),
    reason="needs torch, FastAPI and uvicorn",
)

EXAMPLE = Path(__file__).parent.parent / "examples" / "fastapi_app"
CLIENTS, EACH = 4, 8
REQUESTS = (CLIENTS + 1) * EACH
"""One more client looks at the service's health."""


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    while server.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        with suppress(subprocess.TimeoutExpired):
            server.wait(0.1)
    raise AssertionError("the service did not start")


def served(out: Path, *options: str) -> tuple[Report, str]:
    """The report of the loaded service, and the ``Server-Timing`` of a last request."""
    port = free_port()
    command = [sys.executable, "-m", "infprof", "run", "-o", str(out), str(EXAMPLE / "app.py")]
    with (out.parent / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--port", str(port), *options],
            stdout=log,
            stderr=log,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
    try:
        wait_for(port, server)
        load = [sys.executable, str(EXAMPLE / "load.py"), "--port", str(port)]
        load += ["--clients", str(CLIENTS), "--requests", str(EACH)]
        subprocess.run(load, check=True, capture_output=True, timeout=60)
        values = Request(
            f"http://127.0.0.1:{port}/predict",
            b"[" + b",".join([b"1"] * 64) + b"]",
            {"Content-Type": "application/json"},
        )
        with urlopen(values, timeout=30) as response:
            timing = response.headers["Server-Timing"]
    finally:
        os.killpg(server.pid, signal.SIGINT)  # Ctrl-C reaches all that a terminal started
        server.wait(60)
    written = out / "report.json"
    assert written.is_file(), (out.parent / "log").read_text()
    return Report.model_validate_json(written.read_bytes()), timing


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--cured",)], ids=["planted", "cured"])
def test_each_http_request_is_one_request(options: tuple[str, ...], tmp_path: Path) -> None:
    report, timing = served(tmp_path / "out", *options)
    assert report.latency.requests_seen == REQUESTS + 1
    assert report.latency.failed == 0
    stages = {one.stage: one.exposed_ns for one in report.breakdown.stages}
    assert sum(stages.values()) == report.breakdown.wall_ns
    assert stages["unattributed"] < 0.10 * report.breakdown.wall_ns
    assert stages["queue"] > stages["preprocess"] and stages["compute"] > 0
    assert {"preprocess", "compute", "postprocess", "total"} <= {
        one.partition(";")[0] for one in timing.split(", ")
    }
    found = [one.rule for one in report.findings]
    if report.quality.level != "invalid":
        assert ("blocked-event-loop" in found) == (not options)
