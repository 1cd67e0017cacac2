"""What ``infprof rules`` prints: a list, what speaks of some words, or one rule's page."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from infprof.profiler.nearest import no_such
from infprof.profiler.recording import BadInput
from infprof.reports.rule_page import CATALOGUE, Page, grouped, page, value
from infprof.rules.choice import catalog
from infprof.rules.choosing import LIST_THEM


def show_rules(words: Sequence[str]) -> None:
    """The page of the rule that is named, or a list of those that speak of all the words.

    Raises ``BadInput`` where none does.
    """
    asked = " ".join(words).lower()
    pages = {rule: page(rule, module) for rule, module in catalog().items()}
    if asked in pages:
        return _show_page(pages[asked])
    named = [one for one in pages.values() if _speaks_of(asked, _headline(one))]
    told = [one for one in pages.values() if _speaks_of(asked, _whole(one)) and one not in named]
    if not named and not told:
        raise BadInput(no_such("rule", " ".join(words), pages, LIST_THEM))
    _show_list(named or told)
    _show_more(told if named else [])


def _speaks_of(asked: str, text: str) -> bool:
    """Also of a part of a word. Who asks for nothing is told of all."""
    return all(word in text.lower() for word in asked.split())


def _headline(one: Page) -> str:
    return f"{one.rule} {one.group} {one.summary} {one.code}"


def _whole(one: Page) -> str:
    return " ".join((_headline(one), *(text for _, text in one.parts), *one.thresholds))


def _show_list(pages: Sequence[Page]) -> None:
    """A line or two per rule, by topic."""
    console, width = Console(), max(len(one.rule) for one in pages)
    for place, (name, members) in enumerate(grouped(pages).items()):
        console.print(Text(("\n" if place else "") + name, "bold"))
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(no_wrap=True, min_width=width)
        table.add_column()
        for one in members:
            summary, *_ = one.summary.split("\n\n")
            table.add_row(Text(one.rule), Text(" ".join(summary.split())))
        console.print(table)


def _show_more(told: Sequence[Page]) -> None:
    """Rules that are not listed, and the next useful command."""
    console, rules = Console(), sorted(one.rule for one in told)
    if rules:
        console.print(Text(f"\nTheir pages speak of it too: {', '.join(rules)}."))
    console.print("\nNext: infprof rules <rule>, or <word> to search", highlight=False)


def _show_page(shown: Page) -> None:
    """A rule's page, as it is in docs/rules."""
    console = Console()
    console.print(Text(shown.rule, "bold"))
    for head, text in (("", shown.summary), *shown.parts):
        console.print(Text(f"\n{head}", "bold") if head else "")
        for place, paragraph in enumerate(text.split("\n\n")):
            console.print(Text(("\n" if place else "") + " ".join(paragraph.split())))
    if shown.thresholds:
        console.print(Text("\nThresholds", "bold"))
    for name, one in shown.thresholds.items():
        console.print(Text(f"{name} = {value(one)}"))
        console.print(Padding(Text(one.reason, "dim"), (0, 0, 0, 3)))
    if shown.needs:
        console.print(Text(f"\nNeeds: {', '.join(shown.needs)}."))
    if shown.code:
        console.print(Text(f"\n{CATALOGUE}{shown.code}"))
