"""The Report for a terminal: the verdict, the stage bar, the findings that matter, what is open.

Names are printed as data: ``rich`` markup is never parsed, and what would act on a terminal is
written out instead.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from infprof.profiler.events import STAGES
from infprof.reports import (
    advice_words,
    cost_words,
    facts,
    load_words,
    phrases,
    roofline_words,
    serving_words,
    wording,
)
from infprof.reports.report import BreakdownRow, Report, StageRow
from infprof.reports.request_paths import slowest_in_words

EXTENSION = "txt"

WIDTH = 100
SHOWN_FUNCTIONS = 5
SHOWN_PLACES = 2
SHOWN_WORK = 4

GLYPHS = dict(zip(STAGES, "▒▓◧█◨▚▞░▪╱", strict=True))
"""How a stage looks in the bar where there is no colour; an unknown one is ``?``."""
COLOURS = dict(
    zip(
        STAGES,
        ("bright_cyan", "yellow", "bright_yellow", "blue", "magenta", "red", "green",
         "bright_magenta", "bright_black", "bright_black"),
        strict=True,
    )
)  # fmt: skip
SEVERITY = {"high": "bold red", "medium": "bold yellow", "low": "bold", "info": "dim"}
_ASCII = str.maketrans(
    {
        **dict(zip(GLYPHS.values(), "iphcdoyq.-", strict=True)),
        "µ": "u",
        "…": ".",
        "·": "-",
        wording.DASH: "-",
    }
)


def render(report: Report, width: int = WIDTH) -> str:
    """The summary as plain text without colour."""
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None, force_terminal=False)
    print_report(report, console)
    return "\n".join(line.rstrip() for line in file.getvalue().split("\n"))


def print_report(report: Report, console: Console) -> None:
    """The summary on a console, in colour where it has any."""
    if console.options.ascii_only:  # the glyphs would not survive, nor would strangers' letters
        text = render(report, console.width).translate(_ASCII)
        console.file.write(text.encode("ascii", "replace").decode())
        return
    for block in _blocks(report, console.width):
        console.print(block, markup=False, highlight=False, emoji=False)


def _blocks(report: Report, width: int) -> Iterator[RenderableType]:
    yield Text(wording.plain(report.verdict.sentence), "bold")
    yield from _quality(report)
    yield ""
    yield _latency(report)
    for sentence in cost_words.sentences(report):
        yield Text(sentence)
    yield from _serving(report)
    yield from _load(report)
    yield from _stages(report.breakdown, phrases.absent(report), width)
    yield from _slowest(report)
    yield from _code(report)
    yield from _roofline(report)
    yield from _findings(report)
    yield from _advice(report)
    yield from _open_questions(report)


def _quality(report: Report) -> Iterator[RenderableType]:
    if report.quality.level != "good":
        style = "bold red" if report.quality.level == "invalid" else "bold yellow"
        yield Text(phrases.QUALITY[report.quality.level], style)
    for note in report.quality.notes:
        yield _indented(Text(wording.plain(note.text), "dim"))
    cost = phrases.overhead(report.tool)
    if cost:
        yield Text(cost, "dim")


def _latency(report: Report) -> Text:
    if not report.latency.requests:
        return Text(phrases.requests(report))
    lines = (f"{label} {value}" for label, value in facts.latency(report.latency))
    return Text("  ".join(lines))


def _stages(rows: BreakdownRow, absent: str | None, width: int) -> Iterator[RenderableType]:
    if not rows.stages:
        return
    yield ""
    yield bar(rows, min(width, WIDTH))
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(justify="right")
    for row in rows.stages:
        label = Text(_glyph(row) + " ", _colour(row)).append(_name(row.stage, 40), "default")
        table.add_row(label, Text(wording.ms(row.exposed_ms)), Text(wording.share(row.share)))
    yield table
    if absent:
        yield Text(absent, "dim")


def _serving(report: Report) -> Iterator[RenderableType]:
    found = report.serving
    if found is None:
        return
    yield ""
    yield Text(f"{serving_words.TITLE}: {serving_words.sentence(found)}")
    yield from _measured(serving_words.COLUMNS, serving_words.rows(found))
    for label, value in serving_words.figures(found):
        yield _indented(Text(f"{label}: {value}"))


def _load(report: Report) -> Iterator[RenderableType]:
    found = report.load
    if found is None:
        return
    yield ""
    yield Text(f"{load_words.TITLE}: {load_words.sentence(found)}")
    for columns, rows in load_words.tables(found):
        yield from _measured(columns, rows)
    for label, value in load_words.figures(found):
        yield _indented(Text(f"{label}: {value}"))


def _measured(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[RenderableType]:
    """A table of times, names to the left."""
    if not rows:
        return
    table = Table.grid(padding=(0, 2))
    for place, _ in enumerate(columns):
        table.add_column(justify="right" if place else "left")
    table.add_row(*(Text(column, "dim") for column in columns))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    yield _indented(table)


def _slowest(report: Report) -> Iterator[RenderableType]:
    words = slowest_in_words(report.paths)
    if words:
        yield Text(wording.plain(words))


def _code(report: Report) -> Iterator[RenderableType]:
    rows = facts.code(report, SHOWN_FUNCTIONS)
    if not rows:
        return
    yield ""
    yield Text("Where in your code:", "bold")
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column()
    table.add_column(justify="right")
    for row in rows:
        name, stage = Text(_name(row.name)), Text(_name(row.stage, 40))
        table.add_row(name, stage, Text(wording.share(row.share)))
    yield _indented(table)


def _roofline(report: Report) -> Iterator[RenderableType]:
    rows = roofline_words.shown(report)[:SHOWN_WORK]
    if not rows or report.roofline is None or report.roofline.source is None:
        return
    yield ""
    yield Text(f"{roofline_words.TITLE}:", "bold")
    yield _indented(Text(roofline_words.sentence(report.roofline)))
    table = Table.grid(padding=(0, 2))
    for _ in roofline_words.COLUMNS:
        table.add_column()
    table.add_row(*(Text(column, "dim") for column in roofline_words.COLUMNS))
    for row in rows:
        table.add_row(*(Text(cell) for cell in roofline_words.cells(row)))
    yield _indented(table)


def bar(rows: BreakdownRow, width: int) -> Text:
    """One line of exactly ``width`` cells, shared out by exposed time."""
    text, done_ns, done_cells = Text(no_wrap=True, overflow="crop"), 0, 0
    for row in rows.stages:
        done_ns += row.exposed_ns
        cells = round(width * done_ns / rows.wall_ns) if rows.wall_ns else 0
        text.append(_glyph(row) * (cells - done_cells), _colour(row))
        done_cells = cells
    return text


def _findings(report: Report) -> Iterator[RenderableType]:
    yield ""
    if not report.findings:
        yield Text(phrases.no_findings(report))
    groups = facts.groups(report)
    for group in groups[: facts.FIRST_FINDINGS]:
        yield from _finding(group)
    more = len(groups) - facts.FIRST_FINDINGS
    if more > 0:
        yield Text(f"and {wording.counted(more, 'smaller finding')} in the full report", "dim")
    for outlook in report.outlook:
        yield Text(wording.plain(outlook.sentence))
    yield ""


def _advice(report: Report) -> Iterator[RenderableType]:
    if report.advice:
        yield Text(f"{advice_words.TITLE}:", "bold")
        yield _indented(Text(advice_words.in_short(report)))
        yield ""


def _finding(group: facts.Group) -> Iterator[RenderableType]:
    finding = group.head
    title = Text(f"{group.rank}. ").append(wording.plain(finding.title), SEVERITY[finding.severity])
    yield title.append(f"  [{wording.plain(finding.rule, 60)}]", "dim")
    saving, cost = phrases.saving(finding.saving), cost_words.saved(finding)
    yield _indented(Text(f"{saving}, and {cost}" if cost else saving, "bold"))
    yield _indented(Text(f"confidence {finding.saving.confidence}: ", "dim").append(
        phrases.trust(finding.saving)
    ))  # fmt: skip
    yield _indented(Text(wording.plain(finding.why)))
    if finding.where:
        named = ", ".join(_name(one.name, 60) for one in finding.where[:SHOWN_PLACES])
        yield _indented(Text("Where: ", "bold").append(named, "default"))
    yield _indented(Text("Fix: ", "bold").append(wording.plain(finding.fix.text), "default"))
    for other in group.others:
        same = Text(f"{phrases.SAME_TIME}: ", "dim").append(wording.plain(other.title), "default")
        yield _indented(same.append(f"  [{wording.plain(other.rule, 60)}]", "dim"))
    yield ""


def _open_questions(report: Report) -> Iterator[RenderableType]:
    titles = {
        "UNKNOWN": "Could not judge:",
        "FAILED": "Failed, by an error in the rule:",
        "IGNORED": "Not asked, as you wish:",
    }
    for outcome, title in titles.items():
        rules = {row.rule: row.reason for row in report.verdicts if row.outcome == outcome}
        yield from _by_reason(title, rules)
    yield from _by_reason("Not measured:", report.missing)


def _by_reason(title: str, reasons: Mapping[str, str]) -> Iterator[RenderableType]:
    """What shares a reason shares a line."""
    if reasons:
        yield Text(title, "bold")
    for reason in dict.fromkeys(reasons.values()):
        named = ", ".join(_name(name, 60) for name, own in reasons.items() if own == reason)
        yield _indented(Text(named).append(f": {wording.plain(reason)}", "dim"))


def _indented(block: RenderableType) -> Padding:
    return Padding(block, (0, 0, 0, 3))


def _name(text: str, most: int = facts.LONGEST) -> str:
    return wording.plain(text, most)


def _glyph(row: StageRow) -> str:
    return GLYPHS.get(row.stage, "?")


def _colour(row: StageRow) -> str:
    return COLOURS.get(row.stage, "bright_black")
