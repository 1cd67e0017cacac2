"""What a report says of money and energy, the same in every format."""

from __future__ import annotations

from collections.abc import Iterator

from infprof.reports import wording
from infprof.reports.cost_models import Cost
from infprof.reports.report import FindingRow, Report


def sentences(report: Report) -> list[str]:
    """What a request costs now; empty where nobody asked and no power was sampled."""
    return [] if report.cost is None else list(_sentences(report.cost))


def _sentences(cost: Cost) -> Iterator[str]:
    price, now, energy = cost.price_per_hour, cost.per_1000_requests, cost.energy_per_request_j
    if price is not None:
        at = f"at {wording.number(price)} an hour"
        if wording.known(now):
            yield f"1,000 requests cost {wording.number(now)} {at}, served as they were here."
        else:
            yield f"What requests cost {at} is not known: {_why(cost, 'per_1000_requests')}."
    if wording.known(energy):
        yield f"A request takes {wording.quantity(energy, 'J')} of the GPU."
    if price is not None and "savings" in cost.missing:
        yield f"What findings would save of the cost is not told: {_why(cost, 'savings')}."


def _why(cost: Cost, name: str) -> str:
    return wording.plain(cost.missing.get(name, "the recording does not tell"))


def saved(finding: FindingRow) -> str:
    """``at most 0.021 of the cost of 1,000 requests``; empty where that is not known."""
    found = finding.cost
    if found is None or not wording.known(found.high_per_1000) or found.high_per_1000 <= 0:
        return ""
    high = wording.number(found.high_per_1000)
    if finding.saving.confidence == "C" or found.low_per_1000 <= 0:
        return f"at most {high} of the cost of 1,000 requests"
    low = wording.number(found.low_per_1000)
    amount = high if low == high else f"{low} to {high}"
    return f"{amount} of the cost of 1,000 requests"
