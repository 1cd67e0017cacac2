"""prefill-stalls-decode: steps with long prompts in them hold up everybody's next token."""

from __future__ import annotations

import pytest

from infprof.rules.finding import Outcome
from tests import engine_pages
from tests.metrics_pages import Buckets, histogram, vllm
from tests.rules.watched import verdict_on, without

RULE = "prefill-stalls-decode"
EVEN: Buckets = {"0.01": 0, "0.02": 1000, "0.2": 1000, "+Inf": 1000}
UNEVEN: Buckets = {"0.01": 0, "0.02": 900, "0.2": 1000, "+Inf": 1000}
"""The median is at 15.6 ms, the mean at 30, the slowest hundredth above 180."""


CLOSE: Buckets = {"0.01": 0, "0.02": 900, "0.045": 1000, "+Inf": 1000}
"""The same median, and the slowest hundredth above 42 ms."""


def page(
    gaps: Buckets = UNEVEN, mean: float = 0.03, *, largest: int = 4096, running: int = 8
) -> str:
    """A fiftieth of the steps carries more than half of the largest."""
    (lines,) = without("inter_token", [vllm(10, num_requests_running=running)])
    steps = {"8": 980, str(largest // 2): 980, str(largest): 1000, "+Inf": 1000}
    return (
        lines
        + histogram("vllm:inter_token_latency_seconds", gaps, 1000 * mean)
        + histogram("vllm:iteration_tokens_total", steps, 60_000)
    )


def test_long_prompts_in_the_steps_are_found() -> None:
    (finding,) = verdict_on(RULE, page()).findings
    assert finding.stage == "compute"
    assert "at most 15.6 ms" in finding.why and "longer than 185.4 ms" in finding.why
    assert "more than 2,962 tokens of prompts" in finding.why  # at 2,970, of which 8 decode
    # of 1.425 s of decoding what its gaps take beyond the median
    assert finding.saving.low_ns == 0
    assert finding.saving.high_ns == pytest.approx(1_425_000_000 * (1 - 15.5555 / 30), rel=1e-4)


@pytest.mark.parametrize(
    "quiet",
    [
        page(EVEN, 0.015),
        page(CLOSE, 0.02),
        page(largest=1024),
        page(running=2500),  # they decode
        engine_pages.triton(10),
    ],
)
def test_otherwise_it_is_silent(quiet: str) -> None:
    assert verdict_on(RULE, quiet).outcome is Outcome.CLEAR


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("inter_token", "how evenly tokens come"),
        ("iteration_tokens", "what the engine's steps carry"),
    ],
)
def test_what_is_not_told_is_open(name: str, reason: str) -> None:
    verdict = verdict_on(RULE, *without(name, [page()]))
    assert verdict.outcome is Outcome.UNKNOWN and reason in verdict.reason


def test_without_the_time_of_decoding_nothing_is_promised() -> None:
    (lines,) = without("first_token", without("decode_time", [page()]))
    verdict = verdict_on(RULE, lines)
    assert verdict.outcome is Outcome.UNKNOWN and "decoding takes" in verdict.reason


def test_gaps_beyond_the_last_bound_are_not_known() -> None:
    verdict = verdict_on(RULE, page({"0.01": 0, "0.02": 900, "+Inf": 1000}))
    assert verdict.outcome is Outcome.UNKNOWN and "how evenly" in verdict.reason
