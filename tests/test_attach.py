"""infprof attach: a live engine is watched by its metrics page alone."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infprof.cli import main
from infprof.profiler.bad_input import BadInput
from infprof.profiler.serving import scrape
from infprof.profiler.serving.scrape import MetricsPage, watch
from tests.metrics_pages import showing, vllm


def attach(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["attach", *arguments])


def test_a_server_is_watched_and_reported(tmp_path: Path) -> None:
    pages = (vllm(10, queue_s=1.5, waiting=20), vllm(30, queue_s=1.5, waiting=20))
    with showing(*pages) as url:
        done = attach(url, "--duration", "0.2", "-o", str(tmp_path / "out"))
    assert done.exit_code == 0 and "queue-bound" in done.output
    assert "first token (TTFT)" in done.output and "server-queue" in done.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["subject"]["kind"] == "attach"
    assert report["serving"]["times"]["request"]["count"] == 20
    assert 150 < report["serving"]["window_ns"] / 1e6 < 10_000
    again = CliRunner().invoke(main, ["report", str(tmp_path / "out"), "--json"])
    assert json.loads(again.output)["findings"] == report["findings"]


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("4194304", "there is no process"),
        ("localhost", "not an address"),
        ("file:///etc/passwd", "not an address"),
        ("http://", "not an address"),
    ],
)
def test_what_is_no_address_is_said_in_one_line(target: str, complaint: str) -> None:
    done = attach(target)
    assert done.exit_code == 2 and complaint in done.output and done.output.count("\n") == 1


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        done = attach(f"http://127.0.0.1:{free.getsockname()[1]}", "-o", str(tmp_path))
    assert done.exit_code == 2 and "does not answer" in done.output
    assert list(tmp_path.iterdir()) == []


def test_redirects_are_not_followed() -> None:
    with showing("", status=302) as url, pytest.raises(BadInput, match="answers 302"):
        MetricsPage(url).read()
    with showing("") as url, pytest.raises(BadInput, match="answers 404"):
        MetricsPage(f"{url}/other").read()


def test_a_page_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape, "LARGEST", 100)
    with showing("a 1\n" * 100) as url, pytest.raises(BadInput, match="longer than"):
        MetricsPage(url).read()


def test_pages_are_read_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]

    def wait(seconds: float) -> None:
        now[0] += int(seconds * 1e9)

    monkeypatch.setattr("infprof.profiler.serving.scrape.time.monotonic_ns", lambda: now[0])
    with showing("a 1\n", "a 2\n", "a 3\n", "a 4\n") as url:
        texts, window_ns = watch(MetricsPage(url), 2.5, 1.0, wait)
    assert texts == ["a 1\n", "a 2\n", "a 3\n", "a 4\n"] and window_ns == 2_500_000_000


def test_an_unknown_server_is_said(tmp_path: Path) -> None:
    with showing("up 1\n") as url:
        done = attach(url, "--duration", "0.1", "-o", str(tmp_path))
    assert done.exit_code == 2 and "no metrics of a serving engine" in done.output
