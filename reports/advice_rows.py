"""Ceilings of techniques as rows with a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from infprof.reports import wording
from infprof.reports.advice_models import AdviceRow
from infprof.rules.advice import Advice
from infprof.rules.evidence import Evidence

INVALID = "the measurement is not valid"


def advice_rows(
    evidence: Evidence, advice: Sequence[Advice], is_valid: bool
) -> Iterator[AdviceRow]:
    """One row per technique; none of them has a number if the measurement is not valid."""
    for one in advice:
        high = one.high_ns if is_valid else None
        reason = INVALID if one.high_ns is not None and not is_valid else one.reason
        if high is None:
            yield _without_number(one, reason)
            continue
        share = evidence.share(high)
        amount = f"at most {wording.ms(high / 1e6)} ({wording.share(share)})" if high else "nothing"
        yield AdviceRow(
            technique=one.technique,
            outcome="CEILING",
            high_ms=high / 1e6,
            share_high=share,
            reason=reason,
            sentence=f"{_name(one)} would save {amount} here, because {reason}.",
        )


def _without_number(one: Advice, reason: str) -> AdviceRow:
    start = f"What {one.technique} could save is not known"
    return AdviceRow(
        technique=one.technique,
        outcome="UNKNOWN" if one.applies else "NO_PLACE",
        reason=reason,
        sentence=f"{start if one.applies else f'There is no place for {one.technique}'}: {reason}.",
    )


def _name(one: Advice) -> str:
    """As a sentence begins; ``torch.compile`` is written as it is."""
    is_word = one.technique.replace(" ", "").isalpha()
    return f"{one.technique[0].upper()}{one.technique[1:]}" if is_word else one.technique
