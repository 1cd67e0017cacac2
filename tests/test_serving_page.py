"""Metrics pages and their histograms: tolerant to lines, strict with numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infprof.profiler.serving.histogram import Histogram, histogram
from infprof.profiler.serving.page import read_page
from tests.metrics_pages import histogram as text_of


def test_values_have_labels_and_add_up() -> None:
    page = read_page('# TYPE a gauge\na{m="x"} 1\na{m="y"} 2.5e1\na{m="z"} NaN\n\nb 7 1700000000\n')
    assert (page.total("a"), page.largest("a"), page.total("b")) == (26.0, 25.0, 7.0)
    assert page.labels("m") == {"x", "y", "z"} and page.unread == 0
    assert page.total("c") is None and page.largest("c") is None


@pytest.mark.parametrize("line", ["a{", "a", "{} 1", 'a{m="x} 1', "<html>", "a one"])
def test_a_line_that_is_none_costs_no_other(line: str) -> None:
    page = read_page(f"before 1\n{line}\nafter 2\n")
    assert (page.total("before"), page.total("after")) == (1.0, 2.0)
    assert page.unread == 1


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    read_page(text)


def test_a_histogram_of_all_label_sets() -> None:
    both = text_of("h", {"1": 1, "2": 3, "+Inf": 4}, 9.0, 'm="x"') + text_of(
        "h", {"1": 0, "2": 1, "+Inf": 1}, 1.5, 'm="y"'
    )
    found = histogram(read_page(both), "h")
    assert found == Histogram((1.0, 2.0, math.inf), (1.0, 4.0, 5.0), 10.5)
    assert found.mean == 2.1 and found.quantile(0.5) == 1.5
    assert found.quantile(0.99) is None  # beyond the last bound


@pytest.mark.parametrize(
    "text", ["h_sum 3\n", 'h_bucket{le="1"} 2\nh_sum 3\n', 'h_bucket{le="x"} 2\nh_sum 3\n', ""]
)
def test_half_a_histogram_is_none(text: str) -> None:
    assert histogram(read_page(text), "h") is None


def test_what_came_between_two_pages() -> None:
    earlier = Histogram((1.0, math.inf), (2.0, 4.0), 8.0)
    later = Histogram((1.0, math.inf), (2.0, 6.0), 20.0)
    assert later.since(earlier) == Histogram((1.0, math.inf), (0.0, 2.0), 12.0)
    assert earlier.since(later) is earlier  # it began anew
    assert later.since(None) is later
    assert later.since(Histogram((2.0, math.inf), (0.0, 0.0), 0.0)) is later


@given(st.lists(st.floats(0, 10), min_size=1), st.floats(0.01, 0.99))
def test_a_quantile_lies_where_the_values_do(values: list[float], part: float) -> None:
    bounds = (1.0, 3.0, 10.0, math.inf)
    counts = tuple(float(sum(value <= bound for value in values)) for bound in bounds)
    found = Histogram(bounds, counts, sum(values)).quantile(part)
    ordered = sorted(values)
    true = ordered[min(math.ceil(part * len(values)), len(values)) - 1]
    upper = next(bound for bound in bounds if true <= bound)
    lower = max((bound for bound in bounds if bound < upper), default=0.0)
    assert found is not None and lower <= found <= upper


def test_the_sum_tells_where_in_wide_bounds_values_lie() -> None:
    """970 gaps of 12 ms and 30 of 200 ms: the even spread would say 17.7 ms for the median."""
    found = Histogram((0.01, 0.025, 0.15, 0.25, math.inf), (0, 970, 970, 1000, 1000), 17.64)
    median = found.quantile(0.5)
    assert median is not None and 0.0115 < median < 0.0145


def test_a_sum_that_fits_an_even_spread_changes_nothing() -> None:
    found = Histogram((1.0, 2.0, 3.0, math.inf), (50, 100, 100, 100), 100.0)
    assert found.quantile(0.25) == 0.5 and found.quantile(0.75) == 1.5


def test_of_nothing_there_is_neither_mean_nor_quantile() -> None:
    empty = Histogram((1.0, math.inf), (0.0, 0.0), 0.0)
    assert empty.mean is None and empty.quantile(0.5) is None
