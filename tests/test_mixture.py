"""A mixture divides a stretch exactly, by weight and in order of position."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infprof.profiler.mixture import Mixture

LEAVES = st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 1)), min_size=1, max_size=50)


def mixed(samples: list[tuple[str, float]]) -> Mixture:
    mixture = Mixture()
    for leaf, position in samples:
        mixture.add(leaf, position)
    return mixture


def test_by_weight_and_in_order() -> None:
    mixture = mixed([("late", 0.9), ("early", 0.1), ("early", 0.3), ("early", 0.2)])
    assert mixture.cut(100, 200) == [("early", 100, 175), ("late", 175, 200)]


def test_a_leaf_without_weight_gets_nothing() -> None:
    mixture = mixed([("a", 0.5)])
    mixture.count["b"] = 0
    assert mixture.cut(0, 10) == [("a", 0, 10)]


@given(LEAVES, st.integers(0, 10**15), st.integers(1, 10**9))
def test_the_pieces_tile_the_stretch(
    samples: list[tuple[str, float]], start: int, length: int
) -> None:
    pieces = mixed(samples).cut(start, start + length)
    assert pieces[0][1] == start and pieces[-1][2] == start + length
    assert all(a[2] == b[1] for a, b in zip(pieces, pieces[1:], strict=False))
    share = {leaf: (stop - begin) / length for leaf, begin, stop in pieces}
    for leaf in share:
        true = sum(one == leaf for one, _ in samples) / len(samples)
        assert abs(share[leaf] - true) <= 1 / length
