"""What ``infprof attach`` does: watch a live server for a while, and explain what was seen."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from infprof import __version__
from infprof.output import Output, explain
from infprof.profiler.importers.metrics_page import recording_of
from infprof.profiler.recording import BadInput
from infprof.profiler.serving.scrape import MetricsPage, watch
from infprof.reporting import say, show

BETWEEN_PAGES_S = 1.0
"""Servers make a page in some milliseconds, and are asked for one every 15 s anyway."""


def attach_and_report(target: str, seconds: float, out: Path, as_json: bool) -> None:
    """Watch the metrics page at ``target``; write the recording and the report into ``out``."""
    if target.isdigit():
        raise BadInput(
            f"{target}: attaching to a process is not built yet; name the address of a server's"
            " metrics page, as in http://localhost:8000"
        )
    page = MetricsPage(target)
    texts, window_ns = watch(page, seconds, BETWEEN_PAGES_S)
    recording = recording_of(page.name, texts, window_ns)
    recording.header.tool_version = __version__
    output = Output(out)
    try:
        recording.save(output.recording)
        report = explain(recording, output)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadInput(f"{out}: cannot be written ({reason}); choose another -o") from error
    show(report, as_json, Console())
    say(f"\nReport: {output.html}")
