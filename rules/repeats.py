"""Findings that say the same twice: once the first is fixed, the other is worth little."""

from __future__ import annotations

from collections.abc import Sequence

from infprof.rules.evidence import Evidence
from infprof.rules.finding import Finding
from infprof.rules.outlook import outlook

LEFT_SHARE = 0.5
"""Of what a finding saves alone: if less than this is left of it beside the other, it is mostly the
same time that both would save."""


def repeats(evidence: Evidence, findings: Sequence[Finding]) -> list[int | None]:
    """For each finding, in order of rank, the place of the earlier one that it repeats. That one
    repeats none itself."""
    found: list[int | None] = []
    for place, finding in enumerate(findings):
        heads = (head for head in range(place) if found[head] is None)
        same = (head for head in heads if _repeats(evidence, findings[head], finding))
        found.append(next(same, None))
    return found


def _repeats(evidence: Evidence, head: Finding, finding: Finding) -> bool:
    alone = finding.saving.high_ns
    if not alone or not head.saving.high_ns:
        return False
    if finding.stage == head.stage and _place(finding) == _place(head) is not None:
        return True
    together = evidence.wall_ns - outlook(evidence, (head, finding)).wall_ns
    return together - head.saving.high_ns < LEFT_SHARE * alone


def _place(finding: Finding) -> str | None:
    """Where most of the finding's time goes."""
    return finding.where[0].name if finding.where else None
