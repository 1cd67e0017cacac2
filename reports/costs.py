"""Money and energy as the Report has them."""

from __future__ import annotations

from infprof.profiler.energy import joules_per_request
from infprof.reports.cost_models import Cost, CostSaving
from infprof.rules import cost as rules
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Finding


class Costs:
    """What one report says of cost. Without a price only energy, where power was sampled."""

    def __init__(self, evidence: Evidence, price_per_hour: float | None) -> None:
        self._evidence, self._price = evidence, price_per_hour
        self._cost = None if price_per_hour is None else rules.cost_of(evidence, price_per_hour)
        self._energy = joules_per_request(evidence.recording, evidence.latency)

    @property
    def row(self) -> Cost | None:
        """``None`` where there is nothing to say."""
        known = isinstance(self._energy, float)
        if self._cost is None and not known:
            return None
        return Cost(
            price_per_hour=self._price,
            per_1000_requests=None if self._cost is None else self._cost.per_1000,
            energy_per_request_j=self._energy if isinstance(self._energy, float) else None,
            missing=self._missing(),
        )

    def _missing(self) -> dict[str, str]:
        found = {"energy": self._energy} if isinstance(self._energy, str) else {}
        if self._cost is not None and self._cost.why:
            found["per_1000_requests"] = self._cost.why
        if self._cost is not None and self._cost.why_no_savings:
            found["savings"] = self._cost.why_no_savings
        return found

    def saving(self, finding: Finding) -> CostSaving | None:
        """What a finding saves of the cost."""
        saved = None if self._cost is None else self._cost.saved(self._evidence, finding)
        return None if saved is None else CostSaving(low_per_1000=saved[0], high_per_1000=saved[1])
