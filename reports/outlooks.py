"""What comes after the fixes, in words: the next bottleneck, and what no finding takes away."""

from __future__ import annotations

from collections.abc import Iterator

from infprof.reports import wording
from infprof.reports.report import OutlookRow
from infprof.reports.sentence import activity, subject
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Finding
from infprof.rules.outlook import outlook


def outlooks(evidence: Evidence, found: list[tuple[str, Finding]]) -> Iterator[OutlookRow]:
    """After the first fix, and after all of them."""
    findings = [one for _, one in found if evidence.share(one.saving.high_ns) >= GATE_SHARE]
    who = subject(evidence)
    for count in sorted({min(len(findings), 1), len(findings)} - {0}):
        after = outlook(evidence, findings[:count])
        share = after.wall_ns / evidence.wall_ns
        which = {1: "the first fix", 2: "both fixes"}.get(count, f"all {count} fixes")
        text = f"With {which} {who} takes {wording.ms(after.wall_ns / 1e6)} at best"
        text += f", {wording.share(share)} of what it takes now"
        if after.stage is not None:
            text += f". What limits it then is time spent {activity(evidence, after.stage)}"
        yield OutlookRow(
            fixes=count, wall_ms=after.wall_ns / 1e6, stage=after.stage, sentence=f"{text}."
        )
