"""Energy per request, from sampled power and the rate of requests."""

from __future__ import annotations

import pytest

from infprof.diagnosis import diagnose
from infprof.profiler.energy import joules_per_request
from infprof.profiler.latency import measure_latency
from infprof.profiler.recording import Recording
from tests.build import recording

SECOND = 1_000_000
REQUESTS = "\n".join(f"main: {n * SECOND}-{(n + 1) * SECOND} request plain" for n in range(4))
POWER = [(n * SECOND, watts) for n, watts in enumerate((300.0, 100.0, 200.0, 200.0, 100.0))]


def energy(made: Recording) -> float | str:
    return joules_per_request(made, measure_latency(made))


def test_it_is_the_mean_power_over_the_rate() -> None:
    assert energy(recording(REQUESTS, series={"gpu.power": POWER})) == pytest.approx(180.0)


def test_samples_before_and_after_do_not_count() -> None:
    idle = [(-9 * SECOND, 9000.0), *POWER, (99 * SECOND, 9000.0)]
    assert energy(recording(REQUESTS, series={"gpu.power": idle})) == pytest.approx(180.0)


def test_it_is_in_the_report_without_a_price() -> None:
    cost = diagnose(recording(REQUESTS, series={"gpu.power": POWER})).cost
    assert cost is not None and cost.price_per_hour is None
    assert cost.energy_per_request_j == pytest.approx(180.0)


UNKNOWN: dict[str, tuple[str, dict[str, list[tuple[int, float]]], dict[str, str], str]] = {
    "no samples": (REQUESTS, {}, {}, "the power of a GPU was not sampled"),
    "told": (REQUESTS, {}, {"gpu.power": "not on this card"}, "not on this card"),
    "no rate": ("main: 0-9 request", {"gpu.power": POWER}, {}, "how many requests were served"),
    "short": (
        "main: 0-1000 request plain", {"gpu.power": POWER}, {},
        "requests ran for less than the 2 s",
    ),
    "elsewhere": (
        REQUESTS, {"gpu.power": [(99 * SECOND, 100.0)]}, {}, "the power of a GPU was not sampled "
        "while requests ran",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNKNOWN)
def test_where_it_is_not_known_there_is_a_reason(case: str) -> None:
    text, series, missing, reason = UNKNOWN[case]
    found = energy(recording(text, series=series, missing=missing))
    assert isinstance(found, str) and found.startswith(reason)
