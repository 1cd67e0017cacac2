"""What ``infprof attach`` does: watch a live server for a while, and explain what was seen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

from infprof import __version__
from infprof.output import Output, explain
from infprof.profiler.importers.metrics_page import recording_of
from infprof.profiler.outside.processes import look
from infprof.profiler.outside.watch import watch
from infprof.profiler.recording import BadInput, Recording, Subject
from infprof.profiler.serving.scrape import MetricsPage
from infprof.profiler.serving.scrape import watch as watch_page
from infprof.reporting import say, show

BETWEEN_PAGES_S = 1.0
"""Servers make a page in some milliseconds, and are asked for one every 15 s anyway."""


def attach_and_report(targets: tuple[str, ...], seconds: float, out: Path, as_json: bool) -> None:
    """Watch a process, the metrics page at an address, or both; write the recording and the report
    into ``out``."""
    pids = [int(one) for one in targets if one.isdigit()]
    pages = [MetricsPage(one) for one in targets if not one.isdigit()]
    if len(pids) > 1 or len(pages) > 1:
        raise BadInput("attach takes one process, one address, or one of each")
    recording = _watch(pids[0] if pids else None, pages[0] if pages else None, seconds)
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


def _watch(pid: int | None, page: MetricsPage | None, seconds: float) -> Recording:
    with ThreadPoolExecutor(1) as beside:
        told = beside.submit(_told, page, seconds) if page is not None else None
        seen = _seen(pid, seconds) if pid is not None else None
        if told is None or seen is None:
            found = seen or (told.result() if told is not None else None)
            assert found is not None, "click asks for one target at least"
            return found
        seen.header.served = told.result().header.served
        return seen


def _told(page: MetricsPage, seconds: float) -> Recording:
    texts, window_ns = watch_page(page, seconds, BETWEEN_PAGES_S)
    return recording_of(page.name, texts, window_ns)


def _seen(pid: int, seconds: float) -> Recording:
    first = look(pid)[0]
    subject = Subject(kind="attach", name=first.label, command=first.command)
    return watch(pid, seconds).recording(subject, __version__)
