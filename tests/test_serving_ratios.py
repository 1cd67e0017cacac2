"""What follows from what an engine tells is a share, or is not known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infprof.profiler.serving import ratios
from infprof.profiler.serving.served import Served, Sizes, Times

COUNTS = ("prefix_tokens_asked", "prefix_tokens_found", "prompt_tokens", "drafts", "drafted_tokens",
          "accepted_tokens", "response_hits", "response_misses")  # fmt: skip
GAUGES = ("prefix_hit_rate", "acceptance_rate", "kept_length", "draft_steps", "checked_length")

told = st.builds(
    Served,
    engine=st.just("x"),
    counts=st.dictionaries(st.sampled_from(COUNTS), st.integers(0, 10**15)),
    gauges=st.dictionaries(
        st.sampled_from(GAUGES), st.lists(st.floats(-10, 10), min_size=1, max_size=3)
    ),
)


@given(told)
def test_a_share_is_one_or_is_not_known(served: Served) -> None:
    for ratio in (
        ratios.prefix_hit_share, ratios.response_hit_share, ratios.accepted_share,
        ratios.thrown_away_share,
    ):  # fmt: skip
        value = ratio(served)
        assert value is None or 0 <= value <= 1


def test_nothing_told_is_nothing_known() -> None:
    nothing = Served(engine="x")
    assert not ratios.generates(nothing)
    for ratio in (
        ratios.at_once, ratios.executed_batch, ratios.prefix_hit_share, ratios.response_hit_share,
        ratios.accepted_share, ratios.thrown_away_share, ratios.kv_tokens,
    ):  # fmt: skip
        assert ratio(nothing) is None


def test_littles_law() -> None:
    served = Served(
        engine="x", window_ns=10**9, times={"request": Times(count=40, mean_ns=10**8)}
    )  # fmt: skip
    assert ratios.at_once(served) == 4.0
    assert ratios.at_once(served.model_copy(update={"window_ns": None})) is None


def test_a_batch_is_counted_or_measured() -> None:
    counted = Served(engine="x", counts={"inferences": 30, "executions": 20})
    measured = Served(engine="x", sizes={"batch": Sizes(count=3, mean=1.5)})
    assert ratios.executed_batch(counted) == ratios.executed_batch(measured) == 1.5
    assert ratios.executed_batch(Served(engine="x", counts={"executions": 0})) is None


def test_words_are_no_number_of_blocks() -> None:
    words = {"kv_block_size": "16", "kv_blocks": "None"}
    assert ratios.kv_tokens(Served(engine="x", settings=words)) is None
