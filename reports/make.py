"""Facts and verdicts into the Report: nanoseconds become rows for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from infprof.profiler.breakdown import UNATTRIBUTED, Breakdown, stage_of
from infprof.profiler.device import DeviceFacts
from infprof.profiler.latency import Latency
from infprof.reports import report as rows
from infprof.reports.advice_rows import advice_rows
from infprof.reports.charts import charts
from infprof.reports.costs import Costs
from infprof.reports.flame import flame
from infprof.reports.outlooks import outlooks
from infprof.reports.quality import judge_quality, lowered
from infprof.reports.request_paths import request_paths
from infprof.reports.roofline_rows import Reached, reached
from infprof.reports.sentence import sentence
from infprof.rules.advice import Advice
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Finding, Outcome, Verdict
from infprof.rules.ranking import ranked
from infprof.rules.repeats import repeats

Severity = Literal["high", "medium", "low", "info"]

SEVERITIES: tuple[tuple[Severity, float], ...] = (("high", 0.25), ("medium", 0.10), ("low", 0.05))
"""Share of the wall that a saving must reach (DESIGN section 6); below all it is ``info``."""

HISTOGRAM_BARS = 30


def ms(time_ns: int | float) -> float:
    """Nanoseconds as milliseconds."""
    return time_ns / 1e6


def make_report(
    evidence: Evidence,
    verdicts: list[Verdict],
    advice: Sequence[Advice] = (),
    price_per_hour: float | None = None,
) -> rows.Report:
    """Everything known and judged about one recording."""
    header = evidence.header
    quality = judge_quality(evidence)
    if quality.level == "invalid":
        verdicts = [_withheld(one) for one in verdicts]
    found = ranked(verdicts)
    heads = repeats(evidence, [finding for _, finding in found])
    limits, costs = reached(evidence), Costs(evidence, price_per_hour)
    return rows.Report(
        tool=rows.Tool(
            version=header.tool_version,
            overhead={cause: ms(time) for cause, time in header.overhead_ns.items()},
            program_ms=_program_ms(evidence),
        ),
        subject=rows.Subject(**header.subject.model_dump()),
        machine=header.machine.model_dump(),
        settings={**header.settings, **header.flags},
        quality=quality,
        latency=_latency(evidence),
        breakdown=_breakdown(evidence),
        paths=request_paths(evidence),
        device=_device(evidence.device, limits),
        roofline=limits.table,
        verdict=sentence(evidence, found),
        findings=[
            _finding(*one, evidence, quality, costs).model_copy(update={"repeats": head})
            for one, head in zip(found, heads, strict=True)
        ],
        outlook=list(outlooks(evidence, found)),
        verdicts=[
            rows.VerdictRow(rule=one.rule, outcome=one.outcome.value, reason=one.reason)
            for one in verdicts
        ],
        advice=list(advice_rows(evidence, advice, quality.level != "invalid")),
        cost=costs.row,
        flame=flame(evidence),
        serving=header.served,
        load=header.load,
        charts=charts(evidence.recording),
        missing={**header.missing, **limits.missing},
    )


def _program_ms(evidence: Evidence) -> float | None:
    """From the first to the last thing that was seen of the program, whatever saw it."""
    recording = evidence.recording
    windows = [time for one in recording.header.windows for time in (one.start_ns, one.end_ns)]
    seen = np.concatenate(
        [
            recording.requests.start_ns,
            recording.requests.end_ns,
            recording.samples.time_ns,
            recording.stacks.time_ns,
            np.array(windows, np.int64),
        ]
    )
    return ms(int(seen.max() - seen.min())) if len(seen) else None


def _withheld(verdict: Verdict) -> Verdict:
    """What was found in a measurement that is not valid is not known, but for what may be why."""
    if verdict.outcome is not Outcome.FOUND or verdict.about_machine:
        return verdict
    return Verdict(verdict.rule, Outcome.UNKNOWN, "the measurement is not valid: see its notes")


def _latency(evidence: Evidence) -> rows.Latency:
    latency = evidence.latency

    def maybe(time_ns: int | None) -> float | None:
        return None if time_ns is None else ms(time_ns)

    return rows.Latency(
        requests=latency.requests,
        mean_ms=maybe(latency.mean_ns),
        p50_ms=maybe(latency.p50_ns),
        p95_ms=maybe(latency.p95_ns),
        p99_ms=maybe(latency.p99_ns),
        throughput_per_s=latency.throughput_per_s,
        cold_ms=maybe(latency.cold_ns),
        requests_seen=evidence.header.requests_seen,
        failed=int(evidence.recording.requests.failed.sum()),
        traced_p50_ms=maybe(latency.traced_p50_ns),
        distortion=latency.distortion,
        histogram=_histogram(latency),
    )


def _histogram(latency: Latency) -> list[tuple[float, float, int]]:
    """Bars up to the 99.5th percentile, so that one straggler does not flatten the rest; the last
    bar reaches to the longest request."""
    walls = latency.walls_ns
    if not len(walls):
        return []
    high = float(np.percentile(walls, 99.5))
    bars = min(HISTOGRAM_BARS, max(len(walls) // 2, 1))
    edges = np.linspace(float(walls.min()), max(high, float(walls.min()) + 1), bars + 1)
    edges[-1] = max(edges[-1], float(walls.max()))
    counts, edges = np.histogram(walls, edges)
    return [
        (ms(low), ms(up), int(count))
        for low, up, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def _breakdown(evidence: Evidence) -> rows.BreakdownRow:
    breakdown = evidence.breakdown
    count = max(evidence.requests, 1)
    wall = breakdown.wall_ns
    stages = [
        rows.StageRow(
            stage=stage,
            exposed_ms=ms(exposed) / count,
            busy_ms=ms(busy) / count,
            share=exposed / wall if wall else 0.0,
            exposed_ns=exposed,
            leaves=_leaves(breakdown, stage, count),
        )
        for stage, (exposed, busy) in breakdown.stages.items()
    ]
    absent = ["h2d", "d2h"] if evidence.device_use == "unused" else []
    return rows.BreakdownRow(
        wall_ms=ms(wall) / count,
        wall_ns=wall,
        requests=evidence.requests,
        stages=stages,
        absent=absent,
    )


def _leaves(breakdown: Breakdown, stage: str, count: int) -> list[rows.Leaf]:
    mine = [
        rows.Leaf(leaf=leaf, exposed_ms=ms(exposed) / count, busy_ms=ms(busy) / count)
        for leaf, (exposed, busy) in breakdown.leaves.items()
        if stage_of(leaf) == stage and leaf != UNATTRIBUTED
    ]
    return sorted(mine, key=lambda leaf: (-leaf.exposed_ms, leaf.leaf))


def _device(facts: DeviceFacts, limits: Reached) -> rows.Device:
    return rows.Device(
        kernels=facts.kernels,
        kernel_busy_ms=ms(facts.kernel_busy_ns),
        gpu_busy_ms=ms(facts.gpu_busy_ns),
        window_ms=None if facts.window_ns is None else ms(facts.window_ns),
        span_ms=None if facts.span_ns is None else ms(facts.span_ns),
        copies=[
            rows.Copy(
                direction=one.direction,
                memory=one.memory,
                count=one.count,
                bytes=one.size_bytes,
                ms=ms(one.time_ns),
            )
            for one in facts.copies
        ],
        mfu=limits.mfu,
        mbu=limits.mbu,
    )


def _finding(
    rule: str, finding: Finding, evidence: Evidence, quality: rows.Quality, costs: Costs
) -> rows.FindingRow:
    saving, wall = finding.saving, evidence.wall_ns
    share = evidence.share(saving.high_ns)
    return rows.FindingRow(
        rule=rule,
        title=finding.title,
        why=finding.why,
        stage=finding.stage,
        severity=_severity(share),
        saving=rows.SavingRow(
            basis=saving.basis,
            low_ms=ms(saving.low_ns),
            high_ms=ms(saving.high_ns),
            share_low=evidence.share(saving.low_ns),
            share_high=share,
            speedup_low=_speedup(wall, saving.low_ns),
            speedup_high=_speedup(wall, saving.high_ns),
            confidence=lowered(saving.confidence, quality),
            of="whole" if evidence.is_whole else "request",
        ),
        cost=costs.saving(finding),
        where=[
            rows.WhereRow(name=one.name, count=one.count, ms=ms(one.time_ns), detail=one.detail)
            for one in finding.where
        ],
        fix=rows.FixRow(
            text=finding.fix.text,
            code=finding.fix.code,
            risk=finding.fix.risk,
            references=list(finding.fix.references),
        ),
    )


def _severity(share: float) -> Severity:
    return next((name for name, floor in SEVERITIES if share >= floor), "info")


def _speedup(wall_ns: int, saved_ns: int) -> float:
    """Old wall over new wall; saving the whole wall counts as a thousandfold, not as infinite."""
    if not saved_ns:
        return 1.0
    return wall_ns / max(wall_ns - saved_ns, wall_ns / 1000, 1)
