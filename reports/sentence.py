"""The verdict: one plain sentence on where the time goes and what limits it."""

from __future__ import annotations

from infprof.reports import wording
from infprof.reports.quality import device_hidden
from infprof.reports.report import VerdictSentence
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Finding

WORDS = {
    "io": ("io-bound", "reading and writing"),
    "preprocess": ("input-bound", "preparing the input on the CPU"),
    "h2d": ("copy-bound", "copying the input to the GPU"),
    "d2h": ("copy-bound", "copying results back from the GPU"),
    "postprocess": ("output-bound", "postprocessing on the CPU"),
    "python": ("host-bound", "in Python and framework overhead"),
    "queue": ("queue-bound", "waiting in a queue"),
    "profiler": ("unknown", "in the profiler itself"),
    "unattributed": ("unknown", "where nothing tells which stage it is"),
}
"""What limits a request, and what it does then: it "spends 40 % of its time ..."."""

PYTHON_LIMITS = {
    "python.alloc": "allocation-bound",
    "python.sync": "sync-bound",
    "python.module_loading": "warm-up",
    "python.launch": "launch-bound",
    "python.dispatch": "launch-bound",
    "python.interpreter": "launch-bound",
}
"""What the largest leaf of ``python`` says beside device work."""


def sentence(evidence: Evidence, found: list[tuple[str, Finding]], level: str) -> VerdictSentence:
    """Names the stage with most exposed time, its share, what limits it, and the first finding."""
    stages = {stage: exposed for stage, (exposed, _) in evidence.breakdown.stages.items()}
    wall = evidence.breakdown.wall_ns
    if not wall or not stages:
        reason = evidence.header.missing.get("requests", "nothing was recorded")
        text = f"Nothing can be said: {reason}."
        return VerdictSentence(stage=None, share=None, limit="unknown", sentence=text)
    if device_hidden(evidence):
        text = "Where the time goes cannot be said: work was sent to a GPU, but what the GPU did "
        return VerdictSentence(
            stage=None, share=None, limit="unknown", sentence=f"{text}is not in the recording."
        )
    stage = max(stages, key=lambda one: stages[one])
    share = stages[stage] / wall
    limit, activity = _limit(evidence, stage)
    if stage == "python" and found and found[0][0] == "warmup-in-window":
        limit, activity = "warm-up", "on a one-time warm-up"
    who = "A request" if len(evidence.recording.requests) else "The program in this trace"
    time = wording.ms(evidence.per_request(stages[stage]) / 1e6)
    text = f"{who} spends {wording.share(share)} of its time ({time}) {activity}"
    text += f": it is {limit}." if limit != "unknown" else "."
    return VerdictSentence(
        stage=stage, share=share, limit=limit, sentence=f"{text} {_advice(evidence, found, level)}"
    )


def _limit(evidence: Evidence, stage: str) -> tuple[str, str]:
    if stage == "compute":
        where = "the GPU" if evidence.timeline.has_device else "the CPU"
        return "compute-bound", f"computing on {where}"
    if stage == "python" and evidence.timeline.has_device:
        leaves = {leaf: evidence.exposed_ns(leaf) for leaf in PYTHON_LIMITS}
        return PYTHON_LIMITS[max(leaves, key=lambda leaf: leaves[leaf])], WORDS[stage][1]
    return WORDS[stage]


def _advice(evidence: Evidence, found: list[tuple[str, Finding]], level: str) -> str:
    worth = [one for one in found if evidence.share(one[1].saving.high_ns) >= GATE_SHARE]
    if worth:
        rule, first = worth[0]
        return f"First: {first.title[0].lower()}{first.title[1:]} ({rule})."
    if found:
        return f"Nothing that was found would save {100 * GATE_SHARE:g} % or more."
    if level == "good":
        return "No rule found anything worth changing."
    return "No rule found anything worth changing in what could be measured."
