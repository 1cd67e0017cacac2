"""Whether a quantity rises, by the slopes of three parts of it."""

from __future__ import annotations

import numpy as np
import pytest

from infprof.rules.rising import FEWEST_SAMPLES, rise_of, slope

SECOND = 10**9


def times(count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(count, dtype=np.int64) * SECOND


def test_outliers_do_not_bend_a_slope() -> None:
    value = 5.0 * np.arange(100.0)
    value[::10] += 900
    assert slope(times(100), value) == pytest.approx(5 / SECOND)


def test_a_line_rises_by_what_it_does_after_a_quarter() -> None:
    found = rise_of(times(400), 100 + 2.0 * np.arange(400.0))
    assert found is not None
    assert found.per_ns == pytest.approx(2 / SECOND)
    assert found.amount == pytest.approx(2 * 270)  # from the middle of a tenth to that of another
    assert (found.time_ns, found.highest) == (299 * SECOND, 898.0)


def test_a_start_that_jumps_is_left_out() -> None:
    value = np.full(FEWEST_SAMPLES * 4, 900.0)
    value[:FEWEST_SAMPLES] = np.linspace(0, 900, FEWEST_SAMPLES)
    assert rise_of(times(len(value)), value) is None


@pytest.mark.parametrize("power", [0.3, 0.1])
def test_what_slows_down_fills_up(power: float) -> None:
    assert rise_of(times(200), 1e6 * (1 - np.exp(-np.arange(200.0) / 200 / power))) is None


def test_two_samples_of_one_time_have_no_slope() -> None:
    assert slope(np.zeros(5, np.int64), np.arange(5.0)) == 0
