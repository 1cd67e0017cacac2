"""What requests cost at a price per hour of the machine, and what a finding would save of it."""

from __future__ import annotations

from typing import NamedTuple

from infprof.rules.evidence import Evidence
from infprof.rules.finding import Finding

HOUR_S = 3600

FULL = 0.9
"""Requests under way on average (Little's law) with which the machine is hardly ever idle."""

OWN_PACE = ("run", "profile")
"""Where the program sends its own requests: quicker ones are then more of them."""


class Cost(NamedTuple):
    """In the unit of the price."""

    per_1000: float | None
    why: str = ""
    """Why it is not known."""
    why_no_savings: str = ""
    """Why quicker requests would not cost less, or why that is not known; empty if they would."""

    def saved(self, evidence: Evidence, finding: Finding) -> tuple[float, float] | None:
        """What a finding saves of it, at least and at most; ``None`` where that is not known."""
        if self.per_1000 is None or self.why_no_savings or finding.saving.basis == "none":
            return None
        low, high = finding.saving.low_ns, finding.saving.high_ns
        return self.per_1000 * evidence.share(low), self.per_1000 * evidence.share(high)


def cost_of(evidence: Evidence, price_per_hour: float) -> Cost:
    """What 1,000 requests cost at the rate at which they were served."""
    latency = evidence.latency
    if not latency.throughput_per_s:
        return Cost(None, "how many requests were served in a second is not known")
    per_1000 = price_per_hour / HOUR_S / latency.throughput_per_s * 1000
    return Cost(per_1000, why_no_savings=_why_no_savings(evidence, latency.throughput_per_s))


def _why_no_savings(evidence: Evidence, per_s: float) -> str:
    if evidence.header.subject.kind not in OWN_PACE:
        return "others decided how many requests came, and the machine costs as much in any case"
    under_way = per_s * (evidence.latency.mean_ns or 0) / 1e9
    if under_way < FULL:
        return (
            f"requests were under way for {100 * under_way:.0f} % of the time, and the machine "
            "costs as much while it is idle"
        )
    return ""
