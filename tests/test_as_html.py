"""The HTML report: nothing in a name becomes markup, and nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest

from infprof.profiler.events import STAGES
from infprof.reports import as_html, facts
from infprof.reports.report import FindingRow, Report, VerdictRow
from tests.hostile import HOSTILE, LINKS, NOT_UTF8, full_of
from tests.sample_report import charts, healthy, sample


class Page(HTMLParser):
    """Tags with the names of their attributes, text, and what scripts and links hold."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self.inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(("/" + tag, ()))
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts.append(data)
        elif self.inside != "style":
            self.text.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment appeared: {data}")

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def data_of(page: Page) -> Report:
    return Report.model_validate(json.loads(page.scripts[0]))


BENIGN = Page(as_html.render(full_of("benign"))).tags


@dataclass(frozen=True)
class Hostile:
    """A report full of one name, and its page."""

    text: str
    report: Report
    html: str
    page: Page


@pytest.fixture(scope="module", params=HOSTILE, ids=range(len(HOSTILE)))
def hostile(request: pytest.FixtureRequest) -> Hostile:
    report = full_of(request.param)
    html = as_html.render(report)
    return Hostile(request.param, report, html, Page(html))


def test_no_name_adds_a_tag_an_attribute_or_a_script(hostile: Hostile) -> None:
    page = hostile.page
    if hostile.text:
        assert page.tags == BENIGN
    else:  # an empty snippet or risk is left out
        assert len(page.tags) < len(BENIGN)
    assert len(page.scripts) == 3
    assert data_of(page) == hostile.report


def test_no_name_reaches_a_style_or_a_class(hostile: Hostile) -> None:
    for _, name, value in hostile.page.attributes:
        if name == "style":
            assert re.fullmatch(r"flex-grow: \d+|width: [\d.]+%", value)
        if name == "class":
            assert re.fullmatch(r"[a-z0-9 -]+", value)


def test_nothing_invisible_or_reversing_is_printed(hostile: Hostile) -> None:
    invisible = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2066\ufeff]"
    assert not re.search(invisible, hostile.html)


def test_a_name_that_is_not_utf8_is_written_out() -> None:
    html = as_html.render(full_of(NOT_UTF8))
    assert "weights-\\udcff\\ud800.bin" in html
    html.encode()


@pytest.mark.parametrize("text", LINKS)
def test_only_plain_web_addresses_become_links(text: str) -> None:
    report = sample()
    report.findings[0].fix.references = ["https://good.example/a?b=c#d", text]
    page = Page(as_html.render(report))
    links = [value for tag, name, value in page.attributes if (tag, name) == ("a", "href")]
    assert "https://good.example/a?b=c#d" in links
    assert text not in links


def test_nothing_is_fetched() -> None:
    page = Page(as_html.render(sample()))
    assert not [one for one in page.attributes if one[1] in ("src", "srcset", "data", "action")]
    assert {tag for tag, name, _ in page.attributes if name == "href"} <= {"a"}
    style = as_html._template("report.css")
    assert "url(" not in style and "@import" not in style


def test_the_policy_allows_exactly_the_scripts_on_the_page() -> None:
    page = Page(as_html.render(sample()))
    (policy,) = (value for _, _, value in page.attributes if value.startswith("default-src 'none'"))
    digests = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in page.scripts[1:]
    ]
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    assert allowed == digests
    assert "connect-src" not in policy and "unsafe-eval" not in policy
    assert "script-src 'unsafe-inline'" not in policy


def test_the_licence_of_the_chart_library_is_on_the_page_and_beside_it() -> None:
    assert "Released under the MIT License" in as_html.render(sample())
    assert "MIT License" in as_html._template("chart.js.LICENSE.md")


def test_the_page_stays_small_with_many_charts() -> None:
    report = sample()
    report.charts = [chart for _ in range(6) for chart in charts(400)]
    assert len(as_html.render(report).encode()) <= 1_500_000


def test_headings_descend_one_level_at_a_time() -> None:
    levels = [int(tag[1]) for tag, _ in BENIGN if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


def test_every_table_has_headers_and_every_tag_is_closed() -> None:
    void = {"meta", "link", "img", "br", "hr", "input"}
    open_tags: list[str] = []
    for tag, _ in BENIGN:
        if tag.startswith("/"):
            assert open_tags.pop() == tag[1:]
        elif tag not in void:
            open_tags.append(tag)
    assert open_tags == []
    names = [tag for tag, _ in BENIGN]
    assert names.count("table") <= names.count("th")


def test_what_is_said_comes_in_order_of_weight() -> None:
    report = sample()
    words = Page(as_html.render(report)).words
    parts = [
        report.verdict.sentence,
        "This measurement is limited",
        report.quality.notes[0].text,
        "infprof itself took 451 ms of 31.0 s (1.5 %): tracing 412 ms, host sampling 38.1 ms.",
        "17.9 ms",
        "Where the time goes",
        "unattributed",
        "What to change",
        "would save 9.10 to 11.2 ms per request (44 to 54 % of the wall; up to 2.15x)",
        "Where in your code",
        "From 400 sampled stacks",
        "load (serve_resnet.py:31) preprocess 8.36 ms 40 %",
        "preprocess: 220 samples, 55 % of all",
        "open (PIL/Image.py:3465)",
        "How latency is spread",
        "Over time",
        "The GPU",
        "Machine and settings",
        "What was checked",
        "What was not measured",
        "What infprof itself cost",
    ]
    places = [words.index(part) for part in parts]
    assert places == sorted(places)


def test_only_the_first_findings_are_open() -> None:
    cards = [names for tag, names in BENIGN if tag == "details" and "class" in names]
    page = Page(as_html.render(sample()))
    classes = [value for tag, name, value in page.attributes if (tag, name) == ("details", "class")]
    opened = [
        "open" in names for names, kind in zip(cards, classes, strict=True) if kind == "finding"
    ]
    assert opened == [*[True] * 4, False, True, False]  # the fifth stands behind the fourth


def test_absent_stages_are_named_and_not_shown_as_zero() -> None:
    words = Page(as_html.render(healthy())).words
    assert "Not present on this machine: h2d, d2h." in words
    assert "h2d 0" not in words


def test_a_healthy_program_is_told_so_and_an_unjudged_one_is_not() -> None:
    report = healthy()
    assert "Nothing is worth changing here: 4 rules looked" in Page(as_html.render(report)).words
    report.verdicts = [VerdictRow(rule="x", outcome="UNKNOWN", reason="no kernels")]
    assert "Nothing could be judged" in Page(as_html.render(report)).words


def test_a_report_of_nothing_renders() -> None:
    report = healthy()
    report.latency.requests = 0
    report.latency.histogram, report.charts = [], []
    report.breakdown.stages, report.breakdown.requests = [], 0
    report.verdicts, report.machine, report.settings, report.missing = [], {}, {}, {}
    report.tool.overhead, report.subject.command = {}, []
    report.flame = []
    words = Page(as_html.render(report)).words
    assert "there are no latencies" in words
    assert "there is no breakdown" in words
    assert "needs JavaScript" not in words


def test_numbers_that_are_none_are_not_shown_as_zero() -> None:
    report = sample()
    report.latency.p99_ms = None
    report.breakdown.wall_ms = float("nan")
    assert "p99 unknown" in Page(as_html.render(report)).words
    assert '"wall_ms":null' in as_html.render(report)


def test_every_stage_has_a_colour() -> None:
    style = as_html._template("report.css")
    for stage in (*STAGES, "unknown"):
        assert f".stage-{stage} " in style


def test_findings_without_code_or_places_have_no_empty_boxes() -> None:
    report = sample()
    finding: FindingRow = report.findings[0]
    finding.fix.code, finding.where, finding.fix.references = "", [], []
    report.findings = [finding]
    names = [tag for tag, _ in Page(as_html.render(report)).tags]
    assert names.count("pre") == 1  # the command line's


def boxes(report: Report) -> list[tuple[str, str]]:
    """Name and value of every attribute of the flame graphs' boxes."""
    page = Page(as_html.render(report))
    return [(name, value) for tag, name, value in page.attributes if tag in ("li", "span")]


def test_boxes_are_as_wide_as_their_share_of_the_box_above() -> None:
    widths = [value for name, value in boxes(sample()) if name == "style"]
    assert widths[:4] == ["width: 100.00%", "width: 72.73%", "width: 92.50%", "width: 23.18%"]


@pytest.mark.parametrize(("part", "whole"), [(5, 0), (-5, 10), (50, 10), (10**30, 1)])
def test_no_number_makes_a_box_wider_than_its_place(part: int, whole: int) -> None:
    assert 0 <= float(as_html.width(part, whole)) <= 100


def test_boxes_are_reached_by_keyboard_and_say_all_in_their_title() -> None:
    found = boxes(sample())
    titles = [value for name, value in found if name == "title"]
    assert titles[2] == (
        "open (PIL/Image.py:3465): 148 samples, 37 % of a request in preprocess, "
        "92 % of the box above"
    )
    assert len([name for name, _ in found if name == "tabindex"]) == len(titles) == 6


def test_only_the_main_stage_is_open() -> None:
    html = as_html.render(sample())
    assert '<details class="fold" open>\n    <summary>preprocess: 220' in html
    assert '<details class="fold">\n    <summary>compute: 180' in html


def test_without_stacks_the_page_says_why() -> None:
    report = sample()
    report.flame = []
    assert (
        "is not known: py-spy may not look into this process" in Page(as_html.render(report)).words
    )


def test_the_largest_flame_graph_leaves_the_page_small() -> None:
    report = sample()
    node = report.flame[0].children[0].children[1]
    node.name = "<" * facts.LONGEST  # flame.py cuts names to this
    report.flame[0].children = [node.model_copy() for _ in range(400)]
    assert len(as_html.render(report).encode()) <= 1_500_000


def test_a_place_that_sampling_cannot_count_has_a_dash() -> None:
    report = sample()
    report.findings[0].where[0].count = None
    words = Page(as_html.render(report)).words
    assert "preprocess.decode jpeg \u2013 7.91 ms" in words
