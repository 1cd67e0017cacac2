"""The Report as Markdown, for pull requests and issues."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

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
from infprof.reports.report import FindingRow, Report
from infprof.reports.request_paths import slowest_in_words

EXTENSION = "md"

SHOWN_FUNCTIONS = 8

_ENTITY = {ord(char): f"&#{ord(char)};" for char in "<>&|@#\"'"}
"""HTML, table cells, and what would notify a person or link an issue."""
_MARKUP = re.compile(r"[\\`*_{}\[\]!~$^]|(?<=\w):(?=//)|(?<=www)\.")
_LINE_START = re.compile(r"^([-+=]|\d+(?=[.)]))")
_LINK = re.compile(r"https?://[\w.~/?=%-]+", re.ASCII)


def render(report: Report) -> str:
    """The whole report, charts left out."""
    return "\n".join(_lines(report)) + "\n"


def escaped(text: str, most: int | None = None) -> str:
    """``text`` on one line as it is, with nothing in it that Markdown or HTML would act on."""
    line = wording.plain(text, most).strip().translate(_ENTITY)
    line = _MARKUP.sub(lambda found: _quoted(found[0]), line)
    return _LINE_START.sub(lambda found: f"&#8203;{found[0]}", line)


def code_block(code: str, language: str = "python") -> str:
    """A fence longer than any in ``code``."""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{wording.printable(code)}\n{fence}"


def _lines(report: Report) -> Iterator[str]:
    yield f"## {escaped(report.verdict.sentence)}"
    yield ""
    yield from _quality(report)
    figures = facts.latency(report.latency)
    yield from _table([label for label, _ in figures], [[value for _, value in figures]])
    yield escaped(phrases.requests(report))
    for sentence in cost_words.sentences(report):
        yield escaped(sentence)
    yield from _serving(report)
    yield from _load(report)
    yield from _stages(report)
    yield from _code(report)
    yield from _findings(report)
    yield from _advice(report)
    yield from _roofline(report)
    yield from _device(report)
    yield from _section("Machine and settings", facts.machine(report) + facts.settings(report))
    yield from _rules(report)
    yield from _section("What was not measured", list(report.missing.items()))
    cost = [(cause, wording.ms(value)) for cause, value in report.tool.overhead.items()]
    yield from _section("What infprof itself cost", cost)


def _quality(report: Report) -> Iterator[str]:
    if report.quality.level != "good":
        yield f"**{escaped(phrases.QUALITY[report.quality.level])}**"
        yield ""
    for note in report.quality.notes:
        yield f"- {escaped(note.text)}"
    yield ""
    cost = phrases.overhead(report.tool)
    if cost:
        yield escaped(cost)
        yield ""


def _serving(report: Report) -> Iterator[str]:
    found = report.serving
    if found is None:
        return
    yield from _heading(serving_words.TITLE)
    yield escaped(serving_words.sentence(found))
    yield ""
    rows = [list(row) for row in serving_words.rows(found)]
    if rows:
        yield from _table(list(serving_words.COLUMNS), rows)
    for label, value in serving_words.figures(found):
        yield f"- {escaped(label)}: {escaped(value)}"


def _load(report: Report) -> Iterator[str]:
    found = report.load
    if found is None:
        return
    yield from _heading(load_words.TITLE)
    yield escaped(load_words.sentence(found))
    yield ""
    for columns, rows in load_words.tables(found):
        yield from _table(list(columns), [[escaped(cell) for cell in row] for row in rows])
    for label, value in load_words.figures(found):
        yield f"- {escaped(label)}: {escaped(value)}"


def _stages(report: Report) -> Iterator[str]:
    yield from _heading("Where the time goes")
    yield escaped(phrases.composition(report))
    yield ""
    rows = report.breakdown.stages
    if rows:
        cells = [[_name(r.stage), wording.ms(r.exposed_ms), wording.share(r.share)] for r in rows]
        yield from _table(["stage", "exposed", "share"], cells)
    absent = phrases.absent(report)
    if absent:
        yield escaped(absent)
    yield escaped(slowest_in_words(report.paths))


def _code(report: Report) -> Iterator[str]:
    yield from _heading("Where in your code")
    yield escaped(phrases.flame(report))
    yield ""
    rows = facts.code(report, SHOWN_FUNCTIONS)
    if rows:
        cells = [
            [_name(r.name), _name(r.stage), wording.ms(r.ms), wording.share(r.share)] for r in rows
        ]
        yield from _table(["function and its hottest line", "stage", "time", "share"], cells)


def _findings(report: Report) -> Iterator[str]:
    yield from _heading("What to change")
    if not report.findings:
        yield escaped(phrases.no_findings(report))
    for group in facts.groups(report):
        if group.rank <= facts.FIRST_FINDINGS:
            yield from _finding(group.rank, group.head)
            yield from _others(group.others)
        else:
            yield _in_a_line(group.head)
            yield from (f"  {_in_a_line(one)}" for one in group.others)
    yield ""
    for outlook in report.outlook:
        yield escaped(outlook.sentence)


def _others(findings: list[FindingRow]) -> Iterator[str]:
    if findings:
        yield f"{phrases.SAME_TIME}:"
        yield ""
        yield from map(_in_a_line, findings)
        yield ""


def _in_a_line(finding: FindingRow) -> str:
    return f"- {escaped(finding.title)}: {escaped(phrases.saving(finding.saving))}"


def _advice(report: Report) -> Iterator[str]:
    if report.advice:
        yield from _heading(advice_words.TITLE)
    for row in report.advice:
        yield f"- {escaped(row.sentence)}"


def _finding(rank: int, finding: FindingRow) -> Iterator[str]:
    yield f"#### {rank}. {escaped(finding.title)}"
    yield ""
    saving, cost = escaped(phrases.saving(finding.saving)), escaped(cost_words.saved(finding))
    saving = f"{saving}, and {cost}" if cost else saving
    yield f"**{saving}** ({_name(finding.rule)}, {_name(finding.stage)}, {finding.severity})"
    yield ""
    yield escaped(finding.why)
    yield ""
    trust = phrases.trust(finding.saving)
    yield f"Confidence {finding.saving.confidence}: {escaped(trust)}."
    yield ""
    if finding.where:
        cells = [
            [_name(w.name), wording.count_or_dash(w.count), wording.ms(w.ms), _name(w.detail)]
            for w in finding.where
        ]
        times = "times" if finding.saving.of == "whole" else "per request"
        yield from _table(["where", times, "time", "detail"], cells)
    yield f"Fix: {escaped(finding.fix.text)}"
    yield ""
    if finding.fix.code:
        yield code_block(finding.fix.code)
        yield ""
    if finding.fix.risk:
        yield f"Risk: {escaped(finding.fix.risk)}"
        yield ""
    for reference in finding.fix.references:
        yield f"- <{reference}>" if _LINK.fullmatch(reference) else f"- {_name(reference)}"
    yield ""


def _roofline(report: Report) -> Iterator[str]:
    rows = roofline_words.shown(report)
    if not rows or report.roofline is None:
        return
    yield from _heading(roofline_words.TITLE)
    yield escaped(roofline_words.sentence(report.roofline))
    yield ""
    cells = [[escaped(cell) for cell in roofline_words.cells(row)] for row in rows]
    yield from _table(list(roofline_words.COLUMNS), cells)
    yield escaped(roofline_words.coverage(report.roofline))


def _device(report: Report) -> Iterator[str]:
    yield from _section("The GPU, over the whole recording", facts.device(report.device))
    if report.device.copies:
        cells = [
            [_name(c.direction), _name(c.memory), wording.count(c.count), wording.size(c.bytes),
             wording.ms(c.ms)]
            for c in report.device.copies
        ]  # fmt: skip
        yield from _table(["copies", "memory", "count", "size", "time"], cells)


def _rules(report: Report) -> Iterator[str]:
    titles = {
        "UNKNOWN": "Could not judge",
        "FAILED": "Failed, by an error in the rule",
        "IGNORED": "Not asked, as you wish",
        "CLEAR": "Checked, nothing found",
    }
    for outcome, title in titles.items():
        rows = [(row.rule, row.reason) for row in report.verdicts if row.outcome == outcome]
        yield from _section(title, rows)


def _section(title: str, rows: list[tuple[str, str]]) -> Iterator[str]:
    if rows:
        yield from _heading(title)
        yield from _table(["", ""], [[_name(label), escaped(text)] for label, text in rows])


def _heading(title: str) -> Iterator[str]:
    yield ""
    yield f"### {title}"
    yield ""


def _table(head: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _name(text: str) -> str:
    return escaped(text, facts.LONGEST)


def _quoted(character: str) -> str:
    return f"&#{ord(character)};" if character in ":." else f"\\{character}"
