"""The Markdown report, read back with a CommonMark parser."""

from __future__ import annotations

import pytest

from infprof.reports import as_markdown
from infprof.reports.report import Report
from tests.hostile import HOSTILE, NOT_UTF8, full_of
from tests.sample_report import healthy, sample

markdown_it = pytest.importorskip("markdown_it")


def shape(report: Report) -> list[str]:
    """All kinds of blocks and inline pieces in order, text left out."""
    parser = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    kinds = []
    for token in parser.parse(as_markdown.render(report)):
        kinds.append(token.type)
        kinds += [f" {child.type}" for child in token.children or [] if child.type != "text"]
    return kinds


BENIGN = shape(full_of("benign"))


@pytest.mark.parametrize(
    "text", [one for one in HOSTILE if one.strip()] + [NOT_UTF8], ids=lambda one: repr(one[:20])
)
def test_no_name_adds_markup(text: str) -> None:
    hostile = shape(full_of(text))
    assert [kind for kind in hostile if kind != " text_special"] == BENIGN
    assert not {" html_inline", "html_block", " link_open", " image"} & set(hostile)


def test_names_read_back_as_they_were() -> None:
    parser = markdown_it.MarkdownIt("commonmark").enable("table")
    for text in (
        "a|b",
        "a_b_c",
        "<void f<4, float>>",
        "`x`",
        "C:\\x",
        "*&amp;",
        "[x](y)",
        "@me #1",
    ):
        (_, inline, _) = parser.parse("x " + as_markdown.escaped(text))
        assert "".join(child.content for child in inline.children) == "x " + text


def test_nobody_is_notified_and_no_issue_is_linked() -> None:
    shown = as_markdown.render(full_of("@everyone fixes #1 at www.evil.example"))
    prose = [line for line in shown.split("\n") if not line.startswith("@")]  # the code block
    assert "@everyone" not in "".join(prose) and "www.evil" not in "".join(prose)


def test_code_cannot_end_its_block() -> None:
    report = sample()
    report.findings[0].fix.code = "```\n````\n# not a heading"
    parser = markdown_it.MarkdownIt("commonmark").enable("table")
    fences = [one for one in parser.parse(as_markdown.render(report)) if one.type == "fence"]
    assert fences[0].content == "```\n````\n# not a heading\n"


def test_it_has_every_part() -> None:
    shown = as_markdown.render(sample())
    for part in (
        "| 17.9 ms | 21.6 ms |",
        "| unattributed | 0.350 ms | 1.7 % |",
        "| load (serve\\_resnet.py:31) | preprocess | 8.36 ms | 40 % |",
        "infprof itself took 451 ms of 31.0 s",
        "1,000 requests cost 0.0129 at 2.50 an hour",
        "of the wall; up to 1.19x), and at most 0.00210 of the cost of 1,000 requests**",
        "Mostly the same time would be saved by:",
        "#### 5. ",
        "- Read the result once, at the end: saved 1.06 ms per request",
        "- TensorRT would save at most 6.51 ms (31 %) here, because that is all the time spent",
        "| gil-contention | no stacks were sampled |",
        "| h2d | pageable | 24 | 116 MB | 41.5 ms |",
        "| stacks | py-spy may not look",
    ):
        assert part in shown
    assert "#### 6. " not in shown


def test_a_healthy_program_is_told_so() -> None:
    assert "Nothing is worth changing here" in as_markdown.render(healthy())


def test_without_stacks_it_says_why_and_what_cannot_be_counted_has_a_dash() -> None:
    report = sample()
    report.flame, report.findings[0].where[0].count = [], None
    shown = as_markdown.render(report)
    assert "is not known: py-spy may not look into this process" in shown
    assert "| preprocess.decode jpeg | \u2013 | 7.91 ms |" in shown
