"""In which order findings are told: what doubts the others, then by what they save.

What is worth alike is told in the order in which it is best tried: first the pipeline around the
model, then batches, then precision, then the model itself.
"""

from __future__ import annotations

from typing import NamedTuple, get_args

from infprof.rules.finding import Finding, Step, Verdict

ALIKE_SHARE = 0.10
"""Savings that differ by no more of the larger one are worth alike: even one that re-uses measured
durations is known to about 10 %."""

STEPS: tuple[Step, ...] = get_args(Step)


class _Found(NamedTuple):
    verdict: Verdict
    finding: Finding

    @property
    def worth(self) -> int:
        """Twice the middle of its saving, so that a ceiling without a floor does not outrank a
        saving that is known well."""
        return self.finding.saving.low_ns + self.finding.saving.high_ns

    @property
    def step(self) -> int:
        """When it is best tried."""
        usual: Step = "model" if self.finding.stage == "compute" else "pipeline"
        return STEPS.index(self.verdict.step or usual)


def ranked(verdicts: list[Verdict]) -> list[tuple[str, Finding]]:
    """All findings as (rule id, finding), in the order in which they are told."""
    found = [_Found(verdict, finding) for verdict in verdicts for finding in verdict.findings]
    found.sort(key=lambda one: (not one.verdict.doubts_others, -one.worth, one.verdict.rule))
    groups = list[list[_Found]]()
    for one in found:
        if not groups or not _alike(groups[-1][0], one):
            groups.append([])
        groups[-1].append(one)
    in_steps = (one for group in groups for one in sorted(group, key=lambda one: one.step))
    return [(one.verdict.rule, one.finding) for one in in_steps]


def _alike(head: _Found, one: _Found) -> bool:
    """Whether ``head``, which saves more, saves hardly more."""
    doubts = head.verdict.doubts_others, one.verdict.doubts_others
    return doubts[0] == doubts[1] and one.worth >= (1 - ALIKE_SHARE) * head.worth
