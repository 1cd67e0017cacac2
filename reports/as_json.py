"""The Report as JSON: the document itself, for tools and CI."""

from __future__ import annotations

from infprof.reports.report import Report

EXTENSION = "json"


def render(report: Report) -> str:
    """The whole document."""
    return report.to_json() + "\n"
