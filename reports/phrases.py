"""What a report says in words, the same in every format."""

from __future__ import annotations

from infprof.reports import load_words, wording
from infprof.reports.report import FlameStage, Report, SavingRow, Tool
from infprof.rules.engine import DOES_NOT_APPLY
from infprof.rules.host_code import ENOUGH_SAMPLES

CONFIDENCE = {
    "A": "expect it within about 10 %",
    "B": "expect it within about 25 %",
    "C": "a ceiling: it cannot save more, and may save less",
}
SAVING_BASIS = {
    "replay": "predicted by replaying the run with this one thing changed",
    "bound": "worked out from exposed time",
    "measured": "measured by running the change",
    "none": "no saving is claimed",
}
BREAKDOWN_BASIS = {
    "critical-path": "Time is blamed along the critical path: the chain of events that the request "
    "had to wait for.",
    "occupancy": "Time is blamed by what was running: device work first, host work where the "
    "device was idle.",
    "sampled": "Time is estimated from samples, so short stretches are coarse.",
}
QUALITY = {
    "good": "The measurement is sound.",
    "limited": "This measurement is limited: read the numbers with these notes in mind.",
    "invalid": "This measurement is not valid: do not act on its numbers.",
}

CAUSES = {
    "open_windows": "opening windows",
    "close_windows": "closing windows",
    "write_marks": "writing marks",
    "sample_stacks": "sampling stacks",
    "hear_of_model_calls": "noting model calls",
}
"""What infprof was doing, for the causes we know; another cause is written as it is."""
SHOWN_CAUSES = 3
"""The table of costs has the others."""


def saving(row: SavingRow) -> str:
    """``would save 1.20 to 3.40 ms per request (8.0 to 22 % of the wall; up to 1.28x)``."""
    if row.basis == "none" or not wording.known(row.high_ms) or row.high_ms <= 0:
        return "no saving in time is claimed"
    verb = "saved" if row.basis == "measured" else "would save"
    if row.low_ms <= 0 or row.confidence == "C":
        amount, part = f"at most {wording.ms(row.high_ms)}", wording.share(row.share_high)
    else:
        amount = wording.ms_range(row.low_ms, row.high_ms)
        part = wording.share_range(row.share_low, row.share_high)
    unit, wall = (" per request", "the wall") if row.of == "request" else ("", "the whole")
    return f"{verb} {amount}{unit} ({part} of {wall}{_faster(row)})"


def _faster(row: SavingRow) -> str:
    most = wording.times(row.speedup_high)
    if most == wording.UNKNOWN:
        return ""
    return f"; {most}" if most == wording.times(row.speedup_low) else f"; up to {most}"


def trust(row: SavingRow) -> str:
    """What the saving rests on and how far to trust it."""
    if row.basis == "none":
        return "this is about correct or comparable results, not about time"
    return f"{SAVING_BASIS[row.basis]}; {CONFIDENCE[row.confidence]}"


def requests(report: Report) -> str:
    """Which requests the latencies come from, and what the tracer did to the others."""
    latency = report.latency
    if report.serving is not None and latency.requests:
        return f"From {wording.counted(latency.requests, 'request')}, as the engine tells."
    if report.subject.kind == "load" and report.load is not None:
        return load_words.requests(report.load)
    if not latency.requests_seen and not latency.requests:
        return "No requests are marked, so there are no latencies; all numbers are for the whole."
    if not latency.requests:
        return "No request ran without the tracer after warm-up, so there are no latencies."
    seen = f" of {latency.requests_seen:,} seen" if latency.requests_seen else ""
    served = wording.counted(latency.requests, "request")
    text = f"From {served}{seen}, without the tracer and after warm-up."
    if latency.distortion is not None and latency.traced_p50_ms is not None:
        text += (
            f" Under the tracer the median was {wording.ms(latency.traced_p50_ms)}, "
            f"{wording.times(latency.distortion)} as long."
        )
    if latency.failed:
        text += f" {wording.counted(latency.failed, 'request')} failed, and count too."
    return text


def composition(report: Report) -> str:
    """What the stage bar shows."""
    rows = report.breakdown
    if report.subject.kind == "load" and report.load is not None:
        return load_words.composition(report.load)
    if not rows.requests:
        return "No request was explained, so there is no breakdown."
    if report.serving is not None:
        served = wording.counted(report.latency.requests, "request")
        return f"The mean of {served}, divided as the engine divides it."
    basis = BREAKDOWN_BASIS[report.quality.basis]
    if report.subject.kind == "attach" and report.quality.basis == "sampled":
        return f"All that its threads worked: {wording.ms(rows.wall_ms)}. {basis}"
    mean = f"Mean of {wording.counted(rows.requests, 'explained request')}"
    return f"{mean}: {wording.ms(rows.wall_ms)} each. {basis}"


def flame(report: Report) -> str:
    """What the flame graph rests on, or why there is none."""
    if not report.flame:
        why = report.missing.get("stacks", "no stacks were sampled while requests ran")
        return f"Which lines of your code take the time is not known: {wording.plain(why)}."
    caught = wording.counted(sum(stage.samples for stage in report.flame), "sampled stack")
    return (
        f"From {caught} of threads that served requests. Time in a library counts for the line of "
        "yours that called it; shares are of a whole request."
    )


def flame_stage(stage: FlameStage) -> str:
    """``312 samples, 41 % of all``, with a warning where they are few."""
    text = f"{wording.counted(stage.samples, 'sample')}, {wording.share(stage.share)} of all"
    return f"{text}: too few for small differences" if stage.samples < ENOUGH_SAMPLES else text


def overhead(tool: Tool) -> str | None:
    """``infprof itself took 120 ms of 31.0 s (0.4 %): opening windows 80.0 ms, ...``."""
    costs = {cause: cost for cause, cost in tool.overhead.items() if wording.known(cost)}
    if not costs:
        return None
    total, program = sum(costs.values()), tool.program_ms
    text = f"infprof itself took {wording.ms(total)}"
    if program is not None and wording.known(program) and program > total:
        text += f" of {wording.ms(program)} ({wording.share(total / program)})"
    largest = sorted(costs.items(), key=lambda one: -one[1])
    parts = [f"{_cause(cause)} {wording.ms(cost)}" for cause, cost in largest[:SHOWN_CAUSES]]
    if len(largest) > SHOWN_CAUSES:
        parts.append(f"other {wording.ms(sum(cost for _, cost in largest[SHOWN_CAUSES:]))}")
    return f"{text}: {', '.join(parts)}."


def _cause(cause: str) -> str:
    return CAUSES.get(cause) or wording.plain(cause.replace("_", " "), 60)


SAME_TIME = "Mostly the same time would be saved by"
"""Before the findings that repeat one."""


def absent(report: Report) -> str | None:
    """Stages that cannot exist on this machine."""
    if not report.breakdown.absent:
        return None
    names = ", ".join(wording.plain(stage, 60) for stage in report.breakdown.absent)
    return f"Not present on this machine: {names}."


def no_findings(report: Report) -> str:
    """What it means that there is nothing to change."""
    if report.quality.level == "invalid":
        return "The measurement is not valid, so nothing could be judged."
    looked = sum(
        verdict.outcome == "CLEAR" and not verdict.reason.startswith(DOES_NOT_APPLY)
        for verdict in report.verdicts
    )
    open_ = sum(verdict.outcome in ("UNKNOWN", "FAILED") for verdict in report.verdicts)
    if not looked:
        return "Nothing could be judged: no rule had what it needs. The reasons are listed below."
    text = f"{wording.counted(looked, 'rule')} looked and found no fix that would pay."
    if report.quality.level == "good" and looked > open_:
        text = f"Nothing is worth changing here: {text}"
    return f"{text} {wording.counted(open_, 'rule')} could not judge." if open_ else text
