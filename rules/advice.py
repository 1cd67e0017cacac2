"""Techniques that people ask about, each with what it could save here at most, found or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from infprof.profiler.breakdown import UNATTRIBUTED
from infprof.rules.ceilings import CEILINGS, Ceiling, NoPlace, Seen
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Unknown

UNKNOWN_SHARE = 0.3
"""With more than this in no stage, what is in which is too open to promise that it is no more."""


class Advice(NamedTuple):
    """What one technique could save of a request."""

    technique: str
    high_ns: int | None
    """At most; ``None`` where it is not known or where the technique has no place."""
    reason: str
    """Why it is no more, or why there is no number, in one plain clause."""
    applies: bool = True
    """Whether the technique has a place here at all."""


def advise(traced: Evidence, untraced: Evidence | None = None) -> list[Advice]:
    """One ceiling for each technique."""
    seen = Seen(untraced or traced, traced)
    return [_advice(technique, ceiling, seen) for technique, ceiling in CEILINGS.items()]


def _advice(technique: str, ceiling: Callable[[Seen], Ceiling], seen: Seen) -> Advice:
    try:
        _require_stages(seen.plain)
        high, reason = ceiling(seen)
    except Unknown as unknown:
        return Advice(technique, None, str(unknown))
    except NoPlace as why:
        return Advice(technique, None, str(why), applies=False)
    return Advice(technique, min(high, seen.plain.wall_ns), reason)


def _require_stages(evidence: Evidence) -> None:
    """Raise ``Unknown`` where nobody looked inside the requests, or too little was seen."""
    header, timeline = evidence.header, evidence.timeline
    if header.served is not None or header.tells_only_of_load:
        raise Unknown("what a request does inside the server was not recorded")
    if timeline.uses_device and (reason := evidence.lacks("device")) is not None:
        raise Unknown(reason)
    if not evidence.wall_ns:
        raise Unknown(header.missing.get("requests", "nothing was recorded that takes time"))
    open_ = evidence.share(evidence.exposed_ns(UNATTRIBUTED))
    if open_ > UNKNOWN_SHARE:
        raise Unknown(f"where {100 * open_:.0f} % of the time goes is not known")
