"""Facts of a report as (label, text) lines, for the tables that every format has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from infprof.reports import wording
from infprof.reports.report import Chart, Device, FindingRow, FlameNode, Latency, Report

Line = tuple[str, str]

LONGEST = 160
"""Characters of a name shown in a table; the JSON has all of it."""


def latency(row: Latency) -> list[Line]:
    """The numbers of the latency line."""
    throughput = f"{wording.number(row.throughput_per_s)}/s"
    return [
        ("p50", wording.ms(row.p50_ms)),
        ("p95", wording.ms(row.p95_ms)),
        ("p99", wording.ms(row.p99_ms)),
        ("throughput", throughput if wording.known(row.throughput_per_s) else wording.UNKNOWN),
        ("cold start", wording.ms(row.cold_ms)),
        ("requests", wording.count(row.requests)),
    ]


def device(row: Device) -> list[Line]:
    """Totals of the device over the whole recording; empty where no device worked."""
    if not row.kernels and not row.copies and row.window_ms is None:
        return []
    lines = [
        ("kernels", wording.count(row.kernels)),
        ("a kernel ran for", wording.ms(row.kernel_busy_ms)),
        ("busy (kernels, copies, sets)", wording.ms(row.gpu_busy_ms)),
        ("first to last device event", wording.ms(row.window_ms)),
        ("whole recording", wording.ms(row.span_ms)),
        ("MFU (of peak FLOP/s)", wording.share(row.mfu)),
        ("MBU (of peak bandwidth)", wording.share(row.mbu)),
    ]
    return lines


FIRST_FINDINGS = 5
"""So many are shown first, in every format; the others are folded."""


class Group(NamedTuple):
    """A finding, and those that would save mostly the same time."""

    rank: int
    head: FindingRow
    others: list[FindingRow]


def groups(report: Report) -> list[Group]:
    """The findings by rank, each once. What repeats none that stands for itself does so too."""
    heads = {place: list[FindingRow]() for place in range(len(report.findings))}
    for place, finding in enumerate(report.findings):
        if _stands_behind(report, finding):
            del heads[place]
            heads[finding.repeats or 0].append(finding)
    return [
        Group(rank, report.findings[head], others)
        for rank, (head, others) in enumerate(heads.items(), 1)
    ]


def _stands_behind(report: Report, finding: FindingRow) -> bool:
    """Whether another finding, which stands for itself, is shown before it."""
    head = finding.repeats
    if head is None or not 0 <= head < len(report.findings):
        return False
    return report.findings[head].repeats is None


class Hot(NamedTuple):
    """A line of the table of the user's functions."""

    stage: str
    name: str
    ms: float
    share: float


def code(report: Report, most: int) -> list[Hot]:
    """The user's functions that took longest, of all stages, longest first."""
    found = [
        Hot(stage.stage, one.name, one.ms, one.share)
        for stage in report.flame
        for one in stage.functions
    ]
    return sorted(found, key=lambda one: -one.share)[:most]


def box(node: FlameNode, samples: int, stage: str) -> str:
    """What a box of the flame graph says where there is room: ``samples`` are its caller's."""
    caught = wording.counted(node.samples, "sample")
    part = wording.share(node.samples / samples if samples > 0 else None)
    name, whole = wording.plain(node.name, LONGEST), wording.share(node.share)
    stage = wording.plain(stage, 40)
    return f"{name}: {caught}, {whole} of a request in {stage}, {part} of the box above"


def chart_title(chart: Chart) -> str:
    """``GPU 0: sm clock`` from ``gpu.sm_clock`` of device 0."""
    room, dot, name = chart.name.partition(".")
    name = wording.plain(name if dot else room, 60).replace("_", " ")
    if chart.source == "gpu" or chart.device is not None:
        return f"GPU {'' if chart.device is None else chart.device}: {name}".replace(" :", ":")
    return f"{wording.plain(chart.source, 40)}: {name}" if chart.source else name


def chart_summary(chart: Chart) -> str:
    """Mean and highest value in words, for those who do not see the drawing."""
    mean = wording.quantity(chart.mean, chart.unit)
    return f"mean {mean}, highest {wording.quantity(chart.highest, chart.unit)}"


def machine(report: Report) -> list[Line]:
    """The machine, one line a fact; what is not known is gathered in a last line."""
    return _lines(report.machine)


def settings(report: Report) -> list[Line]:
    """How infprof was told to measure."""
    return _lines(report.settings)


def _lines(facts: Mapping[str, Any]) -> list[Line]:
    lines, unknown = [], []
    for name, value in _leaves(facts, ""):
        if value is None or (isinstance(value, float) and not wording.known(value)):
            unknown.append(_label(name))
        else:
            lines.append((_label(name), _text(name, value)))
    if unknown:
        lines.append(("not known", wording.plain(", ".join(unknown), 4 * LONGEST)))
    return lines


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{path} {key}".lstrip())
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path.removesuffix('s')} {index}")
    else:
        yield path, value


def _label(path: str) -> str:
    return wording.plain(path.removesuffix("_bytes").replace("_", " "), LONGEST)


def _text(path: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if path.endswith("_bytes") and isinstance(value, (int, float)):
        return wording.size(value)
    if isinstance(value, float):
        return f"{value:g}"
    return wording.plain(str(value), LONGEST)
