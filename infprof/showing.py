"""What ``infprof doctor`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from infprof.profiler.calibrate import CPU_SECONDS, GPU_SECONDS, calibrate
from infprof.profiler.calibration import Calibration
from infprof.profiler.calibration_file import keep
from infprof.profiler.collectors import Unavailable
from infprof.profiler.doctor import Check, examine
from infprof.profiler.outside.process import Process
from infprof.profiler.outside.processes import look, servers
from infprof.profiler.outside.sight import sight
from infprof.profiler.recording import BadInput
from infprof.reports import wording
from infprof.reports.roofline_words import rate as flops_rate


def show_doctor() -> None:
    """What can be measured here, what cannot, and the command that would enable it."""
    console = Console()
    console.print(_checked(examine()))
    console.print("\nNext: infprof run script.py", highlight=False)


def show_processes(pid: int) -> None:
    """What attaching to a process and its descendants can show. Raises ``BadInput`` as ``look``."""
    found = look(pid)
    watched = servers(found)
    console = Console()
    console.print(_listed(found, watched))
    console.print()
    console.print(_checked(sight(watched)))
    console.print(f"\nNext: infprof attach {pid}", highlight=False)


def _listed(processes: Sequence[Process], watched: Sequence[Process]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("pid", no_wrap=True, justify="right")
    table.add_column("process")
    for name in ("Python", "torch", "GPU", "threads", "watched"):
        table.add_column(name, no_wrap=True)
    words = {True: "yes", False: "no", None: "?"}
    for one in processes:
        unknown = "?" if one.python == "" or one.uses_torch is None else "no"
        table.add_row(
            str(one.pid),
            Text(wording.plain(one.name)),
            one.python or unknown,
            words[one.uses_torch],
            words[one.uses_gpu],
            str(one.threads),
            words[one in watched],
        )
    return table


def _checked(checks: Sequence[Check]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    signs = {True: "[green]yes[/]", False: "[red]no[/]", None: "[yellow]?[/]"}
    for check in checks:
        text = escape(check.detail) + (f"\n[dim]{escape(check.cure)}[/]" if check.cure else "")
        table.add_row(signs[check.ok], check.name, text)
    return table


def show_calibration(seconds: float | None = None, file: Path | None = None) -> None:
    """Measure this machine, keep the figures in ``file`` (or the user's cache), and show them.

    Raises ``BadInput`` where nothing can be measured, or where it cannot be kept.
    """
    console = Console()
    Console(stderr=True).print(
        f"Measuring for up to {CPU_SECONDS:g} s ({GPU_SECONDS:g} s where there is a GPU)."
        " Run nothing else meanwhile.\n",
        highlight=False,
    )
    try:
        found = calibrate(seconds)
    except Unavailable as reason:
        raise BadInput(f"this machine cannot be calibrated: {reason}") from None
    _show_figures(console, found)
    try:
        place = keep(found, file)
    except OSError as error:
        raise BadInput(f"the calibration could not be kept: {error}") from None
    console.print(f"\nKept in {place}", highlight=False, soft_wrap=True, markup=False)
    console.print("Next: infprof run script.py", highlight=False)


def _show_figures(console: Console, found: Calibration) -> None:
    console.print(Text(wording.plain(found.device), "bold"))
    if not found.on_gpu:
        threads = "1 thread" if found.threads == 1 else f"{found.threads} threads"
        console.print(f"an operator uses {threads}, as torch is set here", highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("figure", no_wrap=True)
    table.add_column("value", no_wrap=True, justify="right")
    table.add_column("what it is used for")
    for row in _figures(found):
        table.add_row(*row)
    console.print(table)
    for name, why in found.missing.items():
        console.print(Text(f"Not measured: {wording.plain(name)} ({wording.plain(why)})", "dim"))
    for note in found.notes:
        console.print(Text(note, "yellow"))


def _figures(found: Calibration) -> Iterator[tuple[str, str, str]]:
    for precision, rate in found.flops_per_s.items():
        use = "the most that arithmetic can reach"
        yield f"matrix multiplication, {wording.plain(precision)}", flops_rate(rate), use
    if found.bandwidth_bytes_per_s is not None:
        use = "the most that reading and writing memory can reach"
        yield "memory bandwidth", wording.quantity(found.bandwidth_bytes_per_s, "bytes/s"), use
    for kind, rate in found.copy_bytes_per_s.items():
        use = "how long such a copy must take at least"
        yield f"copy, {wording.plain(kind)}", wording.quantity(rate, "bytes/s"), use
    for name, time_ns, use in (
        ("one small operator", found.dispatch_ns, "what each operator costs the host"),
        ("one launch", found.launch_ns, "what each kernel costs the host"),
        ("kernel to kernel", found.gap_ns, "what each kernel costs the GPU besides its work"),
        ("kernel to kernel, graph", found.graph_gap_ns, "the same within a CUDA graph"),
        ("one synchronisation", found.sync_ns, "what a needless wait costs"),
    ):
        if time_ns is not None:
            yield name, wording.ms(time_ns / 1e6), use
    if found.cores is not None:
        yield "threads at once", wording.number(found.cores), "what more threads can gain"
