"""What ``infprof attach`` does: watch a live server for a while, and explain what was seen."""

from __future__ import annotations

import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from infprof import __version__, engine_beside, load_beside
from infprof.asked import Asked
from infprof.deep_attach import recording_through_agent
from infprof.engine_beside import Traced
from infprof.judging import judging
from infprof.load_beside import Meanwhile
from infprof.output import Output, explain, prepare
from infprof.profiler.agent.asking import socket_of
from infprof.profiler.importers.metrics_page import recording_of
from infprof.profiler.loads.running import Ran, Running, split
from infprof.profiler.outside.processes import look, servers
from infprof.profiler.outside.watch import watch
from infprof.profiler.recording import BadInput, Recording, Subject
from infprof.profiler.serving.engine_profile import EngineProfile, engine_profile
from infprof.profiler.serving.scrape import MetricsPage
from infprof.profiler.serving.scrape import watch as watch_page
from infprof.reporting import say, show

BETWEEN_PAGES_S = 1.0
"""Servers make a page in some milliseconds, and are asked for one every 15 s anyway."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to watch."""

    seconds: float
    is_exact: bool = True
    """A load that is not done by then is ended; else it decides how long is watched."""
    load: str | None = None
    """A command to run meanwhile."""
    traces: Path | None = None
    """Where the engine writes what its own profiler traces; ``None``: it is left alone."""
    from_outside: bool = False
    """Also where the process has an agent."""
    inject: bool = False
    """Load an agent into a process that has none."""


def attach_and_report(
    targets: tuple[str, ...],
    wanted: Wanted,
    out: Path,
    as_json: bool,
    asked: Asked | None = None,
) -> None:
    """Watch a process, the metrics page at an address, or both; write the recording and the report
    into ``out``."""
    pid, url = _targets(targets, wanted)
    output, judged = Output(out), judging(asked)
    try:
        recording = _inside(pid, url, wanted, out)
        if recording is None:
            recording = _watch(pid, url, wanted)
            recording.header.tool_version = __version__
            recording.save(output.recording)
        report = explain(recording, output, judged)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadInput(f"{out}: cannot be written ({reason}); choose another -o") from error
    show(report, as_json, Console())
    say(f"\nReport: {output.html}")


def _inside(pid: int | None, url: str | None, wanted: Wanted, out: Path) -> Recording | None:
    """What an agent in the process records; ``None`` where there is none to ask. A launcher is
    watched from outside, together with its workers."""
    if pid is None or url is not None or wanted.load is not None or wanted.from_outside:
        return None
    if not wanted.inject and socket_of(pid) is None:
        return None
    if pid not in [one.pid for one in servers(look(pid))]:
        return None
    output = prepare(out)
    try:
        return recording_through_agent(pid, wanted.seconds, output, load_agent=wanted.inject)
    finally:
        output.release()


def _targets(targets: tuple[str, ...], wanted: Wanted) -> tuple[int | None, str | None]:
    pids = [int(one) for one in targets if one.isdigit()]
    urls = [one for one in targets if not one.isdigit()]
    if len(pids) > 1 or len(urls) > 1:
        raise BadInput("attach takes one process, one address, or one of each")
    if not targets:
        raise BadInput("say what to watch: infprof attach PID, or infprof attach http://HOST:PORT")
    if wanted.traces is not None and (pids or not urls):
        raise BadInput("--engine-profile goes with the engine's address alone, without a PID")
    return (pids[0] if pids else None), (urls[0] if urls else None)


def _watch(pid: int | None, url: str | None, wanted: Wanted) -> Recording:
    page = MetricsPage(url) if url is not None else None
    words = split(wanted.load) if wanted.load is not None else None
    engine = None
    if wanted.traces is not None and url is not None and page is not None:
        engine = engine_profile(url, page.read(), wanted.traces)
    with tempfile.TemporaryDirectory(prefix="infprof-") as folder, load_beside.stopping_softly():
        running = None if words is None else Running(words, Path(folder))
        return _with_others(pid, page, running, engine, wanted)


def _with_others(
    pid: int | None,
    page: MetricsPage | None,
    running: Running | None,
    engine: EngineProfile | None,
    wanted: Wanted,
) -> Recording:
    """Watch, with a load and the engine's profiler in threads of their own."""
    meanwhile = Meanwhile((pid is not None) + (page is not None), wanted.is_exact)
    ran: Future[Ran | None] | None = None
    traced: Future[Traced] | None = None
    with ThreadPoolExecutor(3) as beside:
        try:
            if running is not None:
                ran = beside.submit(_run, running, meanwhile)
                meanwhile.is_loaded = lambda: ran is not None and not ran.done()
            if engine is not None:
                lead = engine_beside.lead_s(wanted.seconds, running is not None)
                traced = beside.submit(engine_beside.trace, engine, meanwhile, lead)
            recording = _seen_and_told(beside, pid, page, wanted.seconds, meanwhile)
        finally:
            meanwhile.stopped.set()
        found = None if ran is None else _patiently(ran, meanwhile)
        if found is not None:
            load_beside.join(recording, found)
        if traced is not None:
            if not traced.done():
                say("Waiting for the engine to write its trace; Ctrl-C goes on without it.")
            recording = engine_beside.join(recording, _patiently(traced, meanwhile))
    return recording


def _run(running: Running, meanwhile: Meanwhile) -> Ran | None:
    return running.run(meanwhile.stopped) if meanwhile.await_begin() else None


def _seen_and_told(
    beside: ThreadPoolExecutor,
    pid: int | None,
    page: MetricsPage | None,
    seconds: float,
    meanwhile: Meanwhile,
) -> Recording:
    told = None if page is None else beside.submit(_told, page, seconds, meanwhile)
    if pid is None:
        assert told is not None, "there is one target at least"
        return _patiently(told, meanwhile)
    seen = _seen(pid, seconds, meanwhile)
    if told is not None:
        meanwhile.stopped.set()  # by Ctrl-C, or as the process has ended
        seen.header.served = _patiently(told, meanwhile).header.served
    return seen


def _patiently(future: Future[Result], meanwhile: Meanwhile) -> Result:
    """What it gives. After Ctrl-C what was seen until then counts."""
    while True:
        try:
            return future.result()
        except KeyboardInterrupt:
            meanwhile.interrupt()


def _told(page: MetricsPage, seconds: float, meanwhile: Meanwhile) -> Recording:
    texts, window_ns = watch_page(
        page, seconds, BETWEEN_PAGES_S, meanwhile.stopped.wait, meanwhile.goes_on
    )
    return recording_of(page.name, texts, window_ns)


def _seen(pid: int, seconds: float, meanwhile: Meanwhile) -> Recording:
    first = look(pid)[0]
    subject = Subject(kind="attach", name=first.label, command=first.command)
    return watch(pid, seconds, meanwhile.goes_on).recording(subject, __version__)
