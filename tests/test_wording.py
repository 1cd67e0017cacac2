"""How numbers and names are written."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infprof.reports import wording

NONE = [None, math.nan, math.inf, -math.inf]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 ms"), (12.345, "12.3 ms"), (1.0, "1.00 ms"), (9.996, "10.0 ms"), (999.6, "1,000 ms"),
     (2380.4, "2,380 ms"), (12_340.0, "12.3 s"), (0.0213, "21.3 µs"), (0.1, "0.100 ms"),
     (0.00005, "50.0 ns"), (-3.0, "-3.00 ms")],
)  # fmt: skip
def test_times_have_three_digits_and_a_spoken_unit(value: float, text: str) -> None:
    assert wording.ms(value) == text


def test_ranges_share_the_unit_of_their_end() -> None:
    assert wording.ms_range(1.2, 3.4) == "1.20 to 3.40 ms"
    assert wording.ms_range(0.05, 3.4) == "0.0500 to 3.40 ms"
    assert wording.ms_range(2.0, 2.001) == "2.00 ms"
    assert wording.ms_range(math.nan, 3) == "unknown"
    assert wording.share_range(0.08, 0.22) == "8.0 to 22 %"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 %"), (0.0004, "< 0.1 %"), (0.0123, "1.2 %"), (0.0996, "10 %"), (0.5, "50 %"),
     (1.0, "100 %")],
)  # fmt: skip
def test_shares_never_round_something_to_nothing(value: float, text: str) -> None:
    assert wording.share(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.50 kB"), (115_605_504, "116 MB"),
     (85_899_345_920, "85.9 GB"), (10**19, "10,000 PB")],
)  # fmt: skip
def test_sizes(value: float, text: str) -> None:
    assert wording.size(value) == text


def test_other_quantities() -> None:
    assert wording.quantity(2.2e7, "bytes/s") == "22.0 MB/s"
    assert wording.quantity(41, "1/s") == "41.0 per second"
    assert wording.quantity(34, "%") == "34.0 %"
    assert wording.quantity(3, "") == "3.00"
    assert wording.times(1.284) == "1.28x"
    assert wording.times(12.84) == "12.8x"
    assert wording.count(4104.0) == "4,104"
    assert wording.count(1.5) == "1.50"
    assert wording.counted(1, "rule") == "1 rule"
    assert wording.counted(2, "query", "queries") == "2 queries"


@pytest.mark.parametrize("value", NONE)
def test_what_is_not_a_number_is_unknown(value: float | None) -> None:
    for write in (wording.number, wording.ms, wording.share, wording.size, wording.times,
                  wording.count):  # fmt: skip
        assert write(value) == "unknown"
    assert wording.quantity(value, "%") == "unknown"


@given(st.floats(min_value=1e-7, max_value=1e12))
def test_three_digits_are_right_to_half_a_per_cent(value: float) -> None:
    assert float(wording.number(value).replace(",", "")) == pytest.approx(value, rel=0.0051)


def test_what_would_act_is_written_out() -> None:
    assert wording.plain("\x1b[31m") == "\\x1b[31m"
    assert wording.plain("a\u202eb") == "a\\u202eb"
    assert wording.plain("\ud800") == "\\ud800"
    assert wording.plain("\U000e0041") == "\\U000e0041"
    assert wording.plain("a\r\n\tb") == "a\\x0d b"
    assert wording.printable("a\n\tb\x00") == "a\n\tb\\x00"
    assert wording.plain("名前 é 😀 <b>") == "名前 é 😀 <b>"


def test_names_are_cut_to_what_fits() -> None:
    assert wording.plain("abcdef", 4) == "abc…"
    assert wording.plain("abcd", 4) == "abcd"


@given(st.text(st.characters(exclude_categories=()), max_size=50), st.integers(1, 60))
def test_plain_text_always_encodes_and_stays_on_its_line(text: str, most: int) -> None:
    line = wording.plain(text, most)
    assert len(line) <= most
    assert len(line.splitlines()) <= 1
    line.encode()
