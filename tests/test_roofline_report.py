"""The roofline in the Report and in every format that shows it."""

from __future__ import annotations

import json
from html import unescape

import pytest

from infprof.diagnosis import diagnose
from infprof.reports import as_html, as_markdown, as_text, roofline_words
from infprof.reports.report import Report
from infprof.reports.roofline_models import Roofline, RooflineRow
from tests.build import recording
from tests.sample_report import sample

SHAPES = '{"dims":[[1024,1024],[1024,1024]],"types":["c10::Half","c10::Half"]}'
ONE_PRODUCT = (
    f"main: 0-1000 request | main: 10-40 op aten::mm {SHAPES}"
    "| main: 20-25 call cudaLaunchKernel #1 | s7: 100-120 kernel fp16_s16816gemm #1"
)
FORMATS = (as_html.render, as_text.render, as_markdown.render)


def with_rows(*rows: RooflineRow, **figures: object) -> Report:
    report = sample()
    report.roofline = Roofline(known_share=0.93, rows=list(rows), **figures)  # type: ignore[arg-type]
    return report


GEMM = RooflineRow(
    family="gemm", precision="bf16", busy_ms=26.2, busy_share=0.6, known_share=0.97,
    flops_per_s=2.16e14, bytes_per_s=3.14e11, flop_per_byte=688.0, bound_by="compute",
    reached_share=0.691,
)  # fmt: skip
OTHER = RooflineRow(family="other", busy_ms=9.2, busy_share=0.2, known_share=0.0)
TINY = RooflineRow(family="sparse", busy_ms=0.01, busy_share=0.0002, known_share=1.0)
KNOWN = {"device": "A100-SXM4-40GB", "source": "table", "mfu": 0.178, "mbu": 0.149}


def test_a_report_has_the_figures_and_the_rows() -> None:
    report = diagnose(recording(ONE_PRODUCT))
    assert report.roofline is not None and report.device.mfu == report.roofline.mfu is not None
    assert report.device.mbu == report.roofline.mbu is not None
    assert report.roofline.source == "table" and report.roofline.known_share == 1
    (row,) = report.roofline.rows
    assert (row.family, row.precision, row.bound_by) == ("gemm", "fp16", "compute")
    assert row.busy_ms == 0.02 and row.busy_share == 1
    assert Report.model_validate_json(report.to_json()).roofline == report.roofline
    assert not report.missing.keys() & {"roofline", "mfu", "mbu"}


def test_what_is_not_known_is_told_in_one_line() -> None:
    told = {"shapes": "input shapes were not recorded (record_shapes=True was not set)"}
    report = diagnose(recording("main: 0-9 request | main: 1-8 op aten::mm", missing=told))
    assert report.roofline is None and report.device.mfu is None
    assert report.missing == {**told, "roofline": told["shapes"]}
    assert roofline_words.TITLE not in as_text.render(report)


def test_a_report_without_a_roofline_still_opens() -> None:
    old = json.loads(sample().to_json())
    del old["roofline"]
    report = Report.model_validate(old)
    assert report.roofline is None
    assert all(roofline_words.TITLE not in unescape(render(report)) for render in FORMATS)


@pytest.mark.parametrize("render", FORMATS)
def test_every_format_shows_the_sentence_and_the_rows(render: object) -> None:
    assert callable(render)
    made = render(with_rows(GEMM, OTHER, TINY, **KNOWN))
    text = " ".join(unescape(made).replace("\u200b", "").split())
    parts = (
        roofline_words.TITLE,
        "18 % of what it can at most (MFU)",
        "15 % of the bytes",
        "gemm bf16",
        "216 TFLOP/s",
        "314 GB/s",
        "arithmetic",
        "69 %",
    )
    for part in parts:
        assert part in text
    assert "sparse" not in text.partition('"schema"')[0]  # the tiny row; the data at the end has it


def test_without_ceilings_no_limit_is_named() -> None:
    report = with_rows(GEMM.model_copy(update={"bound_by": None, "reached_share": None}))
    assert roofline_words.TITLE in unescape(as_html.render(report))
    assert "there are only rates" in as_markdown.render(report)
    assert roofline_words.TITLE not in as_text.render(report)


def test_the_source_of_the_ceilings_is_told() -> None:
    def told(**figures: object) -> str:
        roofline = with_rows(GEMM, **{**KNOWN, **figures}).roofline
        assert roofline is not None
        return roofline_words.sentence(roofline)

    assert told().endswith("by the vendor's figures, which hold at the highest clock.")
    assert told(source="calibration").endswith("as measured on this machine.")
    assert "MFU" not in told(mfu=None) and "MBU" in told(mfu=None)
    neither = told(mfu=None, mbu=None)
    assert neither.startswith("Each row is compared with what A100-SXM4-40GB can do at most")


def test_names_are_shown_as_data() -> None:
    evil = "</td><script>alert(1)</script>\x1b[31m"
    report = with_rows(GEMM.model_copy(update={"family": evil}), **{**KNOWN, "device": evil})
    for render in FORMATS:
        assert "\x1b" not in render(report)
    assert "<script>alert" not in as_html.render(report)
    assert "<script>alert" not in as_markdown.render(report)


def test_rates_are_written_with_prefixes() -> None:
    assert roofline_words.rate(0.0) == "0 FLOP/s"
    assert roofline_words.rate(1.5e9) == "1.50 GFLOP/s"
    assert roofline_words.rate(9.9e19) == "99,000 PFLOP/s"
    assert roofline_words.rate(float("nan")) == "unknown"
