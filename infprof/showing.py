"""What ``infprof rules`` and ``infprof doctor`` print."""

from __future__ import annotations

from difflib import get_close_matches

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from infprof.profiler.doctor import examine
from infprof.profiler.recording import BadInput
from infprof.rules.engine import catalog


def list_rules() -> None:
    """One line per rule, then the next useful command."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("rule", no_wrap=True)
    table.add_column("what it looks for")
    for rule, module in sorted(catalog().items()):
        table.add_row(rule, escape((module.__doc__ or "").strip().split("\n", 1)[0]))
    console = Console()
    console.print(table)
    console.print("\nNext: infprof rules <rule>", highlight=False)


def show_rule(rule: str) -> None:
    """A rule's page: its docstring. Raises ``BadInput`` for a name that is no rule."""
    known = catalog()
    module = known.get(rule.lower())
    if module is None:
        close = get_close_matches(rule.lower(), known, 1, 0.4)
        hint = f"did you mean {close[0]}?" if close else "`infprof rules` lists them all"
        raise BadInput(f"{rule}: no such rule; {hint}")
    console = Console()
    console.print(Text(rule.lower(), "bold"))
    for paragraph in (module.__doc__ or "").strip().split("\n\n"):
        head, _, body = paragraph.rpartition(":\n")
        console.print(Text(f"\n{head}", "bold") if head else "", highlight=False)
        console.print(Text(" ".join(body.split())))


def show_doctor() -> None:
    """What can be measured here, what cannot, and the command that would enable it."""
    console = Console()
    table = Table(box=None, pad_edge=False, show_header=False)
    signs = {True: "[green]yes[/]", False: "[red]no[/]", None: "[yellow]?[/]"}
    for check in examine():
        text = escape(check.detail) + (f"\n[dim]{escape(check.cure)}[/]" if check.cure else "")
        table.add_row(signs[check.ok], check.name, text)
    console.print(table)
    console.print("\nNext: infprof run script.py", highlight=False)
