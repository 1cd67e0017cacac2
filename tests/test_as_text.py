"""The terminal's report: complete, as wide as asked, and harmless."""

from __future__ import annotations

import io
import unicodedata

import pytest
from rich.cells import cell_len
from rich.console import Console

from infprof.reports import as_text, wording
from infprof.reports.report import BreakdownRow, StageRow
from tests.hostile import HOSTILE, NOT_UTF8, full_of
from tests.sample_report import healthy, sample


@pytest.mark.parametrize("text", [*HOSTILE, NOT_UTF8], ids=range(len(HOSTILE) + 1))
def test_no_name_can_act_on_a_terminal(text: str) -> None:
    shown = as_text.render(full_of(text))
    acting = {c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert acting <= {"\n"}
    shown.encode()


@pytest.mark.parametrize("text", ["[bold]text[/bold]", "[/]", ":smile:", "{{7*7}}"])
def test_markup_in_a_name_is_printed_as_it_is(text: str) -> None:
    report = sample()
    report.findings[0].title = text
    assert f"1. {text}  [serial-preprocessing]" in as_text.render(report)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = as_text.render(sample(), width).split("\n")
    assert max(cell_len(line) for line in lines) <= width


@pytest.mark.parametrize("width", [1, 7, 40, 100])
@pytest.mark.parametrize("shares", [(1,), (1, 1, 1), (999, 1), (1, 0, 5, 0), (3, 3, 3, 91)])
def test_the_bar_fills_its_width_exactly(width: int, shares: tuple[int, ...]) -> None:
    stages = [
        StageRow(stage="compute", exposed_ms=0, busy_ms=0, share=0, exposed_ns=ns) for ns in shares
    ]
    rows = BreakdownRow(wall_ms=0, wall_ns=sum(shares), requests=1, stages=stages)
    assert cell_len(as_text.bar(rows, width).plain) == width


def test_stages_look_different_without_colour() -> None:
    assert len(set(as_text.GLYPHS.values())) == len(as_text.GLYPHS)
    assert {cell_len(glyph) for glyph in as_text.GLYPHS.values()} == {1}


def test_it_says_what_matters_in_order() -> None:
    report = sample()
    shown = " ".join(as_text.render(report).split())
    parts = [
        report.verdict.sentence,
        "This measurement is limited",
        "infprof itself took 451 ms of 31.0 s",
        "p50 17.9 ms",
        "1,000 requests cost 0.0129 at 2.50 an hour, served as they were here.",
        "A request takes 4.21 J of the GPU.",
        "What findings would save of the cost is not told: others decided how many requests came.",
        "▓ preprocess 11.4 ms 55 %",
        "╱ unattributed 0.350 ms 1.7 %",
        "Where in your code: handle (serve_resnet.py:61) compute 45 %",
        "1. Decode images in worker processes",
        "would save 9.10 to 11.2 ms per request (44 to 54 % of the wall; up to 2.15x)",
        ", and 0.00563 to 0.00693 of the cost of 1,000 requests",
        "Where: preprocess.decode jpeg",
        "Fix: Let worker processes decode ahead",
        "4. Capture the model in a CUDA graph",
        "Mostly the same time would be saved by: Read the result once, at the end [sync-in-loop]",
        "5. Use scaled_dot_product_attention",
        "and 1 smaller finding in the full report",
        "Techniques that people ask about: Saved at most, of the wall: TensorRT 31 %, more GPUs "
        "0 %. No place here: CUDA graphs. Not known: quantization.",
        "gil-contention: no stacks were sampled",
        "padding-waste: KeyError",
        "stacks: py-spy may not look into this process",
    ]
    places = [shown.index(part) for part in parts]
    assert places == sorted(places)


def test_a_healthy_program_is_told_so() -> None:
    shown = as_text.render(healthy())
    assert "Nothing is worth changing here" in shown
    assert "Not present on this machine: h2d, d2h." in shown


def test_colour_only_where_there_is_a_terminal() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system="standard", width=80)
    as_text.print_report(sample(), console)
    assert "\x1b[" in file.getvalue()
    assert "\x1b" not in as_text.render(sample())


def test_a_terminal_without_unicode_gets_ascii() -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, "ascii")
    report = sample()
    report.findings[0].title = "名前"
    as_text.print_report(report, Console(file=file, width=80))
    file.flush()
    shown = raw.getvalue().decode("ascii")
    assert "ppppppp" in shown and "21.3 us" in shown and "1. ??" in shown


def test_long_names_are_cut_in_tables() -> None:
    report = sample()
    report.breakdown.stages[0].stage = "x" * 10_000
    longest = max(as_text.render(report, 200).split("\n"), key=len)
    assert len(longest) <= 200
    assert wording.plain("x" * 10_000, 40) in as_text.render(report, 200)
