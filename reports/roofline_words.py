"""What a report says of the roofline, the same in every format."""

from __future__ import annotations

from infprof.reports import wording
from infprof.reports.report import Report
from infprof.reports.roofline_models import Roofline, RooflineRow

TITLE = "How close to the hardware's limits"

COLUMNS = ("work", "busy time", "FLOP/s", "bytes/s", "nearest limit", "reached")

SHOWN_ROWS = 8
LEAST_SHARE = 0.005
"""Of the busy time: a row below it explains nothing."""

SOURCES = {
    "calibration": "as measured on this machine",
    "table": "by the vendor's figures, which hold at the highest clock",
}
LIMITS = {
    "compute": "arithmetic",
    "memory": "memory bandwidth",
    "latency": "neither: too short or too small",
}
MEANING = (
    "Work that reaches nearly all of its limit becomes faster only by needing less: fewer "
    "operations, fewer bytes, a lower precision. Work that reaches little can become faster as it "
    "is. All is counted from the recorded shapes: what the operators need at least."
)

_PREFIXES = ("", "k", "M", "G", "T", "P")


def shown(report: Report) -> list[RooflineRow]:
    """The rows worth a reader's time, longest first; empty where nothing is known."""
    if report.roofline is None:
        return []
    worth = [row for row in report.roofline.rows if row.busy_share >= LEAST_SHARE]
    return worth[:SHOWN_ROWS]


def sentence(roofline: Roofline) -> str:
    """MFU and MBU in plain words, and where the ceilings come from."""
    if roofline.source is None:
        return "What this device can do at most is not known, so there are only rates."
    device = wording.plain(roofline.device or "the device", 80)
    source = SOURCES[roofline.source]
    figures = (
        (roofline.mfu, "computed {} of what it can at most (MFU)"),
        (roofline.mbu, "moved {} of the bytes that its memory can at most (MBU)"),
    )
    known = [text.format(wording.share(value)) for value, text in figures if wording.known(value)]
    if not known:
        return f"Each row is compared with what {device} can do at most, {source}."
    return f"In the time of the requests {device} {' and '.join(known)}, {source}."


def coverage(roofline: Roofline) -> str:
    """How much of the device's time the figures are of, and what to make of them."""
    known = wording.share(roofline.known_share)
    return f"The operators behind {known} of the busy time are known. {MEANING}"


def cells(row: RooflineRow) -> tuple[str, ...]:
    """One row by ``COLUMNS``."""
    work = " ".join(filter(None, (row.family, row.precision)))
    flops = wording.DASH if row.flops_per_s is None else rate(row.flops_per_s)
    moved = wording.DASH if row.bytes_per_s is None else f"{wording.size(row.bytes_per_s)}/s"
    limit = wording.DASH if row.bound_by is None else LIMITS[row.bound_by]
    reached = wording.DASH if row.reached_share is None else wording.share(row.reached_share)
    part = wording.share(row.busy_share)
    return wording.plain(work, 60), part, flops, moved, limit, reached


def rate(flops_per_s: float) -> str:
    """``14.0 TFLOP/s``."""
    if not wording.known(flops_per_s):
        return wording.UNKNOWN
    power = 0
    while abs(flops_per_s) >= 1000 and power < len(_PREFIXES) - 1:
        flops_per_s, power = flops_per_s / 1000, power + 1
    return f"{wording.number(flops_per_s)} {_PREFIXES[power]}FLOP/s"
