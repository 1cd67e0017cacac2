"""What a report says in short of techniques that people ask about, the same in every format."""

from __future__ import annotations

from collections.abc import Iterator

from infprof.reports import wording
from infprof.reports.report import Report

TITLE = "Techniques that people ask about"

LONGEST = 60
"""Characters of a technique's name."""


def in_short(report: Report) -> str:
    """``At most, here: TensorRT 3.1 %, DALI 12 %. No place here: CUDA graphs.``"""
    return " ".join(_parts(report))


def _parts(report: Report) -> Iterator[str]:
    known = [
        f"{_name(one.technique)} {wording.share(one.share_high)}"
        for one in report.advice
        if one.outcome == "CEILING"
    ]
    if known:
        yield f"Saved at most, of the wall: {', '.join(known)}."
    for outcome, words in (("NO_PLACE", "No place here"), ("UNKNOWN", "Not known")):
        named = [_name(one.technique) for one in report.advice if one.outcome == outcome]
        if named:
            yield f"{words}: {', '.join(named)}."


def _name(technique: str) -> str:
    return wording.plain(technique, LONGEST)
