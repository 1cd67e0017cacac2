"""The command line: parse, delegate, and say what to do next. No analysis lives here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click

from infprof import __version__, options
from infprof.asked import Asked
from infprof.frugality import no_collection, one_thread


class _Defaults:
    """For ``--help``; kept equal to ``Plan`` by a test, as importing it would cost start-up."""

    warmup, plain, window, windows, window_seconds = 3, 10, 5, 3, 5.0


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Why is this PyTorch inference slow, and what would fixing it buy me?"""


def _one_line_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Bad input ends in one line and exit code 2, never in a traceback."""

    @wraps(command)
    def call(*args: Any, **kwargs: Any) -> Any:
        from infprof.profiler.bad_input import BadInput

        try:
            return command(*args, **kwargs)
        except BadInput as error:
            _fail(str(error))

    return call


def _fail(line: str) -> NoReturn:
    click.echo(f"infprof: {line}", err=True)
    sys.exit(2)


@main.command(context_settings={"allow_interspersed_args": False})
@options.folder
@click.option("-m", "module", is_flag=True, help="Run a module, like python -m.")
@click.option(
    "--warmup",
    default=_Defaults.warmup,
    show_default=True,
    type=click.IntRange(0),
    help="Requests to drop at the start; the first is reported as the cold start.",
)
@click.option(
    "--plain",
    default=_Defaults.plain,
    show_default=True,
    type=click.IntRange(0),
    help="Requests to time without the tracer before each window.",
)
@click.option(
    "--window",
    default=_Defaults.window,
    show_default=True,
    type=click.IntRange(1),
    help="Requests to trace in each window.",
)
@click.option(
    "--windows",
    default=_Defaults.windows,
    show_default=True,
    type=click.IntRange(0),
    help="Windows in all; 0 traces nothing.",
)
@click.option(
    "--window-seconds",
    default=_Defaults.window_seconds,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Close a window after this long.",
)
@click.option(
    "--call",
    "call",
    metavar="MODULE:FUNCTION",
    help="Count each call of this function as a request. The script's own is __main__:FUNCTION.",
)
@options.tables
@options.as_json
@click.option(
    "--serve",
    is_flag=True,
    help="Record nothing, but let infprof attach look in: infprof run --serve -- uvicorn app:app",
)
@click.argument("script", metavar="SCRIPT|MODULE")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@options.judged
@_one_line_errors
def run(
    script: str,
    arguments: tuple[str, ...],
    out: Path,
    module: bool,
    call: str | None,
    tables: Path | None,
    as_json: bool,
    serve: bool,
    asked: Asked,
    **plan: Any,
) -> None:
    """Run a Python script and report where its requests' time goes.

    The script runs as under python: same arguments, streams and exit code.
    """
    if serve:
        _serve(script, arguments, module)
    from infprof.profiler.launch import hold_signals

    hold_signals()  # before there are other threads
    with one_thread():
        from infprof.running import run_and_report

    entries = _use(tables)
    if call is not None:
        module_name, function = _parts(call)
        entries[module_name] = {**entries.get(module_name, {}), function: "request"}
    run_and_report(script, arguments, out, module, as_json, plan, entries, asked)


def _serve(program: str, arguments: tuple[str, ...], module: bool) -> NoReturn:
    context = click.get_current_context()
    for name in context.params.keys() - {"serve", "script", "arguments", "module"}:
        if context.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError("--serve records nothing, so it takes no other options but -m")
    from infprof.serve import serve

    serve(program, arguments, module)


def _use(tables: Path | None) -> dict[str, dict[str, str]]:
    """Let a user's own tables decide; the entry points among them are to be wrapped."""
    if tables is None:
        return {}
    from infprof.profiler import names
    from infprof.profiler.tables import read_tables

    own = read_tables(tables)
    names.declare(own.frames)
    return {module: dict(stages) for module, stages in own.entry_points.items()}


def _parts(call: str) -> tuple[str, str]:
    """The function that ``--call`` names, whose calls are requests."""
    module, colon, function = call.partition(":")
    if not (module and colon and function):
        raise click.BadParameter(
            "say MODULE:FUNCTION, as in app.server:handle", param_hint="--call"
        )
    return module, function


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="Write the report here; the ending picks the format (.html .md .json .txt).",
)
@options.tables
@options.as_json
@options.judged
@_one_line_errors
def report(file: Path, out: Path | None, tables: Path | None, as_json: bool, asked: Asked) -> None:
    """Explain a recording of infprof's, a torch.profiler trace (plain or gzipped), a profile of
    ONNX Runtime, a saved metrics page, or the result of a load generator."""
    from infprof.reading_ahead import reading_ahead

    with no_collection(), reading_ahead(file) as read:
        with one_thread():
            from infprof.reporting import report_on

        _use(tables)
        report_on(file, read, out, as_json, asked)


@main.command()
@click.argument("targets", metavar="PID|URL...", nargs=-1)
@click.option(
    "--duration",
    default=10.0,
    show_default=True,
    type=click.FloatRange(min=0.1, max=3600),
    help="Watch for so many seconds; a load that is given time so is ended then.",
)
@click.option(
    "--load",
    metavar="COMMAND",
    help='Run a load meanwhile, as in "k6 run x.js", to its end, and join its result: of k6, '
    "Locust, Vegeta, ghz, vllm bench serve, sglang.bench_serving, GenAI-Perf, AIPerf, autocannon; "
    "of others where {out} stands for the file that they write.",
)
@click.option(
    "--engine-profile",
    "traces",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Let vLLM or SGLang trace itself for 2 s, into DIR, where it writes its traces.",
)
@click.option(
    "--outside",
    "from_outside",
    is_flag=True,
    help="Only look from outside, also at a process that let us in (infprof run --serve).",
)
@click.option(
    "--inject",
    is_flag=True,
    help="Load our agent into a process that did not let us in (needs Python 3.14 there).",
)
@options.folder
@options.as_json
@options.judged
@click.pass_context
@_one_line_errors
def attach(
    context: click.Context,
    targets: tuple[str, ...],
    duration: float,
    load: str | None,
    traces: Path | None,
    from_outside: bool,
    inject: bool,
    out: Path,
    as_json: bool,
    asked: Asked,
) -> None:
    """Watch a live server: a process, an engine's metrics page, or both.

    As in: infprof attach 4711 or infprof attach http://localhost:8000. Pages are read of vLLM,
    SGLang, TGI, Triton, TorchServe, KServe, BentoML and Ray Serve.
    """
    with one_thread():
        from infprof.attaching import Wanted, attach_and_report

    source = context.get_parameter_source("duration")
    is_exact = load is None or source is not click.core.ParameterSource.DEFAULT
    wanted = Wanted(duration, is_exact, load, traces, from_outside, inject)
    attach_and_report(targets, wanted, out, as_json, asked)


@main.command()
@click.argument("words", metavar="[RULE|WORD...]", nargs=-1)
@_one_line_errors
def rules(words: tuple[str, ...]) -> None:
    """List the catalog of rules by topic, or those that speak of some words, or show one rule's
    page."""
    from infprof.showing_rules import show_rules

    show_rules(words)


@main.command()
@click.argument("pid", required=False, type=int)
@click.option(
    "--calibrate",
    is_flag=True,
    help="Measure what this machine can do (up to 20 s); recordings made here then carry it.",
)
@_one_line_errors
def doctor(pid: int | None, calibrate: bool) -> None:
    """Say what can be measured on this machine, what cannot, why, and how to enable it.

    With the PID of a running server: what attaching to it and its child processes can show.
    """
    from infprof.showing import show_calibration, show_doctor, show_processes

    if pid is None:
        return show_calibration() if calibrate else show_doctor()
    if calibrate:
        raise click.UsageError("--calibrate measures the machine: leave out PID")
    show_processes(pid)
