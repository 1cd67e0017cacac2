"""How far the numbers may be trusted, in a level and in sentences."""

from __future__ import annotations

from infprof.profiler.recording import Phase
from infprof.reports import wording
from infprof.reports.late_work import late_work
from infprof.reports.report import Note, Quality
from infprof.reports.sample_quality import sample_limits
from infprof.rules.evidence import Evidence
from infprof.rules.finding import LESS_SURE, Confidence

UNATTRIBUTED_SHARE = 0.05
"""More unexplained time than this lowers the confidence of every verdict (DESIGN section 4)."""

DISTORTION = 1.5
"""A tracer that slows requests by more bends their composition (CATALOGUE IP-ENV-005)."""

FEW_REQUESTS = 20
"""Percentiles of fewer requests say little (CATALOGUE IP-ENV-005)."""

NOISY_SPREAD = 0.10
"""A middle half of the latencies wider than this hides what a small change does."""

DROWNING_SPREAD = 1.0
"""A middle half wider than the median itself, on a machine under pressure, is the machine's."""

ALIGNMENT_NS = 100_000
"""Ranges that lie this far from the operators inside them move short stages into each other."""

CPU_PRESSURE = 20.0
"""Per cent of time in which some task waited for a CPU (CATALOGUE IP-ENV-005)."""

DOUBTFUL = frozenset(
    {
        "unattributed",
        "distortion",
        "noise",
        "cpu-pressure",
        "alignment",
        "dropped",
        "stack-clock",
        "hand-offs",
        "late-work",
    }  # fmt: skip
)
"""Notes that lower the confidence of every saving by one step."""


UNKNOWN_HELPERS = 0.05
"""More of the device's work from threads of which it is not known for whom they worked may have
been waited for unseen."""


def lowered(confidence: Confidence, quality: Quality) -> Confidence:
    """What remains of a saving's confidence in a measurement of this quality."""
    doubted = any(note.code in DOUBTFUL for note in quality.notes)
    return LESS_SURE[confidence] if doubted else confidence


def judge_quality(evidence: Evidence) -> Quality:
    """``invalid`` where nothing could be explained, ``limited`` where a note must be read first."""
    only_load = evidence.header.tells_only_of_load
    limits = [*([] if only_load else _limits(evidence)), *_losses(evidence)]
    level = "limited" if limits or only_load else "good"
    notes = [*limits, *(Note(**note.model_dump()) for note in evidence.header.notes)]
    if not (evidence.wall_ns or only_load) or drowned_in_noise(evidence):
        level = "invalid"
    return Quality(level=level, basis=evidence.breakdown.basis, notes=notes)  # type: ignore[arg-type]


def drowned_in_noise(evidence: Evidence) -> bool:
    """Whether others kept the CPUs so busy that latencies jump: then no share means anything.

    Either alone does not say so: requests of different sizes differ, a busy pool waits for itself.
    Where requests wait for each other, what was done for each must differ as well.
    """
    spreads = evidence.latency.spread, evidence.latency.work_spread
    known = [one for one in spreads if one is not None]
    drowning = min(known, default=0.0) > DROWNING_SPREAD
    return drowning and _pressure(evidence) > CPU_PRESSURE


def _pressure(evidence: Evidence) -> float:
    """Per cent of time in which something waited for a CPU; 0 where that was not sampled."""
    pressure = evidence.series("host.pressure_cpu")
    return 0.0 if pressure is None else float(pressure.mean())


def distortion(evidence: Evidence) -> float:
    """How many times as long requests took under the tracer, by median or by mean: the breakdown
    is a mean, so a few requests that the tracer held up bend it. 0 where that is not known."""
    latency, table = evidence.latency, evidence.recording.requests
    traced = table.phase == Phase.TRACED
    if not latency.mean_ns or not traced.any():
        return 0.0
    mean = float((table.end_ns - table.start_ns)[traced].mean())
    return max(latency.distortion or 0.0, mean / latency.mean_ns)


def device_hidden(evidence: Evidence) -> bool:
    """Whether work was sent to a GPU whose activity nobody recorded."""
    return evidence.timeline.uses_device and not evidence.timeline.has_device


def _limits(evidence: Evidence) -> list[Note]:
    found: list[Note] = []
    if not evidence.wall_ns:
        return [Note(code="no-requests", text="There is no request to explain.")]
    unknown = evidence.share(evidence.exposed_ns("unattributed"))
    if unknown > UNATTRIBUTED_SHARE:
        text = (
            f"{wording.share(unknown)} of the wall could not be attributed to a stage; every "
            "verdict is less certain by that much. Mark what runs there with infprof.annotate."
        )
        found.append(Note(code="unattributed", text=text))
    if device_hidden(evidence):
        why = evidence.header.missing.get("kernels", "no device activity was recorded")
        text = f"The GPU's work is not in the recording, so waits for it cannot be told: {why}."
        found.append(Note(code="no-device-activity", text=text))
    if evidence.header.is_of_stretches:
        found.append(Note(code="outside", text=_from_outside(evidence)))
    elif not evidence.timeline.traced and evidence.header.served is None:
        text = "No request ran under the tracer, so only declared stages are known."
        found.append(Note(code="untraced", text=text))
    return [
        *found, *_hand_offs(evidence), *_latency_limits(evidence), *_host_limits(evidence),
        *sample_limits(evidence), *late_work(evidence),
    ]  # fmt: skip


def _hand_offs(evidence: Evidence) -> list[Note]:
    paths = evidence.breakdown.paths
    share = 0.0 if paths is None else paths.unknown_helpers_share
    if share <= UNKNOWN_HELPERS:
        return []
    text = (
        f"{wording.share(share)} of the GPU's work was launched by threads of which it is not "
        "known for which request they worked: a wait for them counts as time of the request's own "
        "thread."
    )
    return [Note(code="hand-offs", text=text)]


def _from_outside(evidence: Evidence) -> str:
    worked = wording.ms(evidence.breakdown.wall_ns / 1e6)
    return (
        f"Seen from outside for {wording.ms((evidence.header.span_ns or 0) / 1e6)}: the server's "
        f"threads worked for {worked}, all together, which is what the shares are of. How often "
        "and how long requests are served cannot be seen from there."
    )


def _host_limits(evidence: Evidence) -> list[Note]:
    pressure = _pressure(evidence)
    if pressure <= CPU_PRESSURE:
        return []
    text = (
        f"For {wording.number(pressure)} % of the time something on this machine "
        "waited for a CPU: host times are longer than they would be on a quiet one."
    )
    return [Note(code="cpu-pressure", text=text)]


def _losses(evidence: Evidence) -> list[Note]:
    """What did not make it into the recording, or not to its exact place."""
    header = evidence.header
    found = [Note(code="cut", text=text) for text in header.cuts]
    if header.dropped_events:
        text = f"{wording.counted(header.dropped_events, 'event')} could not be kept: "
        text += "what is counted is too low, and time may lack its cause."
        found.append(Note(code="dropped", text=text))
    doubt = max((window.alignment_error_ns or 0 for window in header.windows), default=0)
    if doubt > ALIGNMENT_NS:
        text = f"The tracer's clock is known only within {wording.ms(doubt / 1e6)} of ours."
        found.append(Note(code="alignment", text=text))
    return found


def _latency_limits(evidence: Evidence) -> list[Note]:
    latency, found = evidence.latency, []
    slowed = distortion(evidence)
    if slowed > DISTORTION:
        text = (
            f"Requests took {wording.number(slowed)} times as long under the tracer: "
            "shares of Python and dispatch are overstated."
        )
        found.append(Note(code="distortion", text=text))
    marked = len(evidence.recording.requests) and not evidence.header.is_of_stretches
    if marked and latency.requests < FEW_REQUESTS:
        text = (
            f"Only {latency.requests} requests ran without the tracer after warm-up: percentiles "
            f"of fewer than {FEW_REQUESTS} say little."
        )
        found.append(Note(code="few-requests", text=text))
    if latency.spread is not None and latency.spread > NOISY_SPREAD:
        text = (
            "Latency varies: the middle half of the requests spans "
            f"{wording.share(latency.spread)} of the median. Smaller differences are noise."
        )
        found.append(Note(code="noise", text=text))
    return found
