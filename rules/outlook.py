"""What is left when things are fixed: the wall at best, and what would then be worth most.

A finding says what one fix saves alone. Two fixes of one stage cannot save its time twice, and once
one stage is short, another one limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infprof.profiler.replay import Change
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Finding
from infprof.rules.replays import Replays


@dataclass(frozen=True, slots=True)
class Outlook:
    """The mean request after some fixes."""

    fixes: int
    wall_ns: int
    """If each saves the most that it may."""
    stage: str | None
    """What then limits; ``None`` where nothing is left."""


def outlook(evidence: Evidence, findings: Sequence[Finding]) -> Outlook:
    """What remains when all of these are fixed."""
    by = _by_exposed_time if evidence.replays is None else _by_replay
    saved, stage = by(evidence, findings)
    alone = [one.saving.high_ns for one in findings]
    saved = max(alone) if len(alone) == 1 else min(max(saved, *alone), sum(alone))
    wall = max(evidence.wall_ns - saved, 0)
    return Outlook(len(findings), wall, stage if wall else None)


def _by_exposed_time(evidence: Evidence, findings: Sequence[Finding]) -> tuple[int, str]:
    left = {stage: evidence.exposed_ns(stage) for stage in evidence.breakdown.stages}
    before = sum(left.values())
    for finding in findings:
        if finding.stage in left:
            left[finding.stage] = max(left[finding.stage] - finding.saving.high_ns, 0)
    return before - sum(left.values()), max(left, key=lambda stage: left[stage])


def _by_replay(evidence: Evidence, findings: Sequence[Finding]) -> tuple[int, str]:
    replays, busy = evidence.replays, evidence.breakdown.stages
    assert replays is not None
    caches = [one for one in findings if _is_cache(one)]
    always = [one for one in findings if not _is_cache(one)]
    fixed = replays.together(*_changes(evidence, replays, always))
    at_most = {stage: evidence.per_request(time) for stage, (_, time) in busy.items()}
    limit = replays.worth_most(at_most, fixed, replays.saved_ns(fixed))[0]
    return _with_caches(replays, fixed, caches), limit


def _is_cache(finding: Finding) -> bool:
    """Whether it changes some requests and leaves others alone."""
    return finding.rate < 1 and finding.change is not None


def _with_caches(replays: Replays, fixed: Change, caches: Sequence[Finding]) -> int:
    """What is saved if each cache changes its part of the requests, and the others stay as they are
    fixed."""
    if not caches:
        return replays.saved_ns(fixed)
    cache, *others = caches
    hit = _with_caches(replays, replays.together(fixed, cache.change or Change()), others)
    missed = _with_caches(replays, fixed, others)
    return int(cache.rate * hit + (1 - cache.rate) * missed)


def _changes(evidence: Evidence, replays: Replays, findings: Sequence[Finding]) -> Iterator[Change]:
    """What the findings change: some say it, the others take their part of a stage."""
    parts = dict[str, float]()
    for finding in findings:
        whole = evidence.exposed_ns(finding.stage)
        if finding.change is not None:
            yield finding.change
        elif whole:
            part = parts.get(finding.stage, 0.0) + finding.saving.high_ns / whole
            parts[finding.stage] = min(part, 1.0)
    for stage, part in parts.items():
        yield replays.without(stage, part)
