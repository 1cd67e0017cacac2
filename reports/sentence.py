"""The verdict: one plain sentence on where the time goes and what limits it."""

from __future__ import annotations

from collections import Counter

from infprof.profiler.breakdown import UNATTRIBUTED, stage_of
from infprof.profiler.layers import HOST_STAGES
from infprof.reports import load_words, wording
from infprof.reports.limits import Limit, limit_by_replay
from infprof.reports.quality import device_hidden, drowned_in_noise
from infprof.reports.report import VerdictSentence
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Finding

WORDS = {
    "io": ("io-bound", "reading and writing"),
    "preprocess": ("input-bound", "preparing the input"),
    "h2d": ("copy-bound", "copying the input to the GPU"),
    "d2h": ("copy-bound", "copying results back from the GPU"),
    "postprocess": ("output-bound", "postprocessing"),
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

UNKNOWN_SHARE = 0.3
"""With more time than this unattributed, the largest known stage is named and no limit is, unless
it would stay the largest whoever owned that time."""


def sentence(evidence: Evidence, found: list[tuple[str, Finding]]) -> VerdictSentence:
    """Names the stage with most exposed time, its share, what limits it, and the first finding."""
    stages = {stage: exposed for stage, (exposed, _) in evidence.breakdown.stages.items()}
    wall = evidence.breakdown.wall_ns
    load = evidence.header.load
    if evidence.header.tells_only_of_load and load is not None:
        text = f"{load_words.verdict(load)} {_first(found) or load_words.ADVICE}"
        return VerdictSentence(stage=None, share=None, limit="unknown", sentence=text)
    if not wall or not stages:
        text = f"Nothing can be said: {_why_nothing(evidence)}."
        return VerdictSentence(stage=None, share=None, limit="unknown", sentence=text)
    if drowned_in_noise(evidence):
        text = "Nothing can be said: other work kept this machine's CPUs busy; measure again."
        return VerdictSentence(stage=None, share=None, limit="unknown", sentence=text)
    if device_hidden(evidence):
        text = "Where the time goes cannot be said: work was sent to a GPU, but what the GPU did "
        return VerdictSentence(
            stage=None, share=None, limit="unknown", sentence=f"{text}is not in the recording."
        )
    stage, time_ns, limit, activity = _limiting(evidence, stages)
    share = time_ns / evidence.wall_ns
    doubt = _doubt(evidence, stages, stage)
    if stage == "python" and found and found[0][0] == "warmup-in-window":
        limit, activity = "warm-up", "on a one-time warm-up"
    who = subject(evidence)
    who = f"{who[0].upper()}{who[1:]}"
    time = wording.ms(time_ns / 1e6)
    text = f"{who} spends {wording.share(share)} of its time "
    text += f"({time} of {wording.ms(evidence.wall_ns / 1e6)}) {activity}{_mostly(evidence, stage)}"
    if doubt:
        text, limit = text + doubt, "unknown"
    text += f": it is {limit}." if limit != "unknown" else "."
    return VerdictSentence(
        stage=stage, share=share, limit=limit, sentence=f"{text} {_advice(evidence, found)}"
    )


def subject(evidence: Evidence) -> str:
    """Who takes the time that is explained."""
    if evidence.header.is_of_stretches:
        return "the server"
    return "the program in this trace" if evidence.is_whole else "a request"


def _limiting(evidence: Evidence, stages: dict[str, int]) -> tuple[str, int, str, str]:
    """The stage to name, its time per request, the limit and what a request does then."""
    found = limit_by_replay(evidence)
    if isinstance(found, Limit):
        return found.stage, found.time_ns, found.limit, found.activity
    stage = found or max(stages, key=lambda one: stages[one])
    return stage, evidence.per_request(stages[stage]), *_limit(evidence, stage)


def _doubt(evidence: Evidence, stages: dict[str, int], stage: str) -> str:
    """Why the largest stage may not be the largest: time without a stage could be another's."""
    wall = evidence.breakdown.wall_ns
    unknown = stages.get(UNATTRIBUTED, 0)
    others = [time for one, time in stages.items() if one not in (stage, UNATTRIBUTED)]
    lead = stages[stage] - max(others, default=0)
    if stage == UNATTRIBUTED or unknown <= UNKNOWN_SHARE * wall or lead > unknown:
        return ""
    return (
        f", but where {wording.share(unknown / wall)} goes is not known, so what limits it is open"
    )


def activity(evidence: Evidence, stage: str) -> str:
    """What a request does in a stage: it spends its time "preparing the input"."""
    return _limit(evidence, stage)[1]


def _limit(evidence: Evidence, stage: str) -> tuple[str, str]:
    if stage == "compute":
        unseen = evidence.header.subject.kind == "trace" and evidence.device_use == "unknown"
        if evidence.header.served is not None or unseen:
            return "compute-bound", "in the model"
        where = "the GPU" if evidence.timeline.has_device else "the CPU"
        return "compute-bound", f"computing on {where}"
    if stage == "python" and evidence.timeline.has_device:
        limits = Counter[str]()
        for leaf, (exposed, _) in evidence.breakdown.leaves.items():
            if stage_of(leaf) == stage:
                limits[PYTHON_LIMITS.get(leaf, WORDS[stage][0])] += exposed
        return limits.most_common(1)[0][0], WORDS[stage][1]
    return WORDS[stage]


def _why_nothing(evidence: Evidence) -> str:
    seen = evidence.header.requests_seen
    if not seen:
        return evidence.header.missing.get("requests", "nothing was recorded")
    return (
        f"only {wording.counted(seen, 'request')} ran, which is all warm-up; serve more, or lower "
        "--warmup and --plain"
    )


def _mostly(evidence: Evidence, stage: str) -> str:
    """The one declared range that a host stage mostly consists of, if there is one."""
    if stage not in HOST_STAGES or stage == "python":  # its leaves are ours, not the user's
        return ""
    leaves = {
        leaf: exposed
        for leaf, (exposed, _) in evidence.breakdown.leaves.items()
        if stage_of(leaf) == stage
    }
    most = max(leaves, key=lambda leaf: leaves[leaf], default="")
    if not most or leaves[most] <= sum(leaves.values()) / 2:
        return ""
    return f", mostly in \u201c{wording.plain(most.partition('.')[2], 60)}\u201d"


def _advice(evidence: Evidence, found: list[tuple[str, Finding]]) -> str:
    worth = [one for one in found if evidence.share(one[1].saving.high_ns) >= GATE_SHARE]
    if not worth:
        return f"No rule found a fix that would save {100 * GATE_SHARE:g} % or more."
    return _first(worth)


def _first(found: list[tuple[str, Finding]]) -> str:
    if not found:
        return ""
    rule, first = found[0]
    return f"First: {first.title[0].lower()}{first.title[1:]} ({rule})."
