"""repeated-inputs: the model is given what it was given before."""

from __future__ import annotations

import random

import pytest

from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "repeated-inputs"


def judged(contents: list[int], phase: str = "traced", more: str = "") -> Verdict:
    rows = [
        f"main: {100 * i}-{100 * i + 100} request {phase} ={content}"
        if content >= 0
        else f"main: {100 * i}-{100 * i + 100} request {phase}"
        for i, content in enumerate(contents)
    ]
    return verdict_of(RULE, recording(" | ".join([*rows, more]), gpus=()))


def skewed(count: int, different: int) -> list[int]:
    """``count`` inputs of ``different`` kinds, in no order."""
    return random.Random(0).sample([one % different + 1 for one in range(count)], count)


def test_repeats_are_worth_a_cache() -> None:
    more = "main: 0-50 stack 50 serve.py:42.9:predict > lib/torch/nn/modules/module.py:1:_call_impl"
    (finding,) = judged(skewed(40, 30), more=more).findings
    assert finding.where[0].name == "predict (serve.py:42)"
    # 10 of 40 requests of 100 us
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 25_000)
    assert "10 of 40 requests (25 %)" in finding.why and "30 different" in finding.why
    compile(finding.fix.code, "fix", "exec")


def test_requests_without_a_tracer_count() -> None:
    (finding,) = judged(skewed(40, 20), "plain").findings
    assert finding.saving.high_ns == 50_000


@pytest.mark.parametrize(
    "contents",
    [
        pytest.param([7] * 100, id="a benchmark with one input"),
        pytest.param(skewed(100, 2), id="a benchmark with two inputs"),
        pytest.param([i % 8 for i in range(100)], id="inputs in turn"),
        pytest.param(list(range(100)), id="all different"),
        pytest.param([*range(38), 3, 5], id="one in twenty"),
    ],
)
def test_silent(contents: list[int]) -> None:
    assert judged(contents).outcome is Outcome.CLEAR


def test_unknown_where_inputs_are() -> None:
    verdict = judged([-1] * 100)
    assert verdict.outcome is Outcome.UNKNOWN and "only 0 warm requests" in verdict.reason


def test_unknown_with_few_requests() -> None:
    assert judged([1, 2, 3, 1, 2, 4] * 3).outcome is Outcome.UNKNOWN


def test_warm_up_does_not_count() -> None:
    assert judged(skewed(40, 20), "warmup").outcome is Outcome.UNKNOWN
