"""padded-batches: how much of what a model computes is padding."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "padded-batches"

Call = tuple[int, int, int]
"""Tokens of a call, those left if its rows end with the longest, and those that are real."""

BATCH: Call = (8 * 128, 8 * 64, 8 * 32)


def calls(
    *called: Call, layer: str = "[8,128,64]", compute_us: int = 900, seen: bool = True
) -> Recording:
    """Requests of 1 ms with one linear layer each."""
    rows = [
        f"main: {at}-{at + 1000} request\n"
        f"main: {at}-{at + compute_us} op aten::linear"
        f' {{"dims":[{layer},[64,64]],"types":["float","float"]}}'
        for at in range(0, 1000 * len(called), 1000)
    ]
    names = ("input.tokens", "input.longest_tokens", "input.real_tokens")
    series = {
        name: [(1000 * number, float(one[place])) for number, one in enumerate(called)]
        for place, name in enumerate(names if seen else names[:1])
    }
    built = recording("\n".join(rows), gpus=(), series=series)
    built.header.model_calls = [0]
    return built


def test_rows_that_are_mostly_padding() -> None:
    (finding,) = verdict_of(RULE, calls(BATCH, BATCH, BATCH, BATCH)).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (450_000, 675_000)
    assert "75 % of the tokens of 4 model calls" in finding.why
    compile(finding.fix.code, "fix", "exec")


def test_rows_of_different_lengths_need_sorting() -> None:
    """The longest fills its row, so that there is nothing to cut off."""
    (finding,) = verdict_of(RULE, calls(*[(1024, 1024, 512)] * 3)).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 450_000)


@pytest.mark.parametrize(
    "recorded",
    [
        calls(*[(1024, 900, 800)] * 4),  # 22 %
        calls(*[BATCH] * 2),  # too few calls
        calls(*[BATCH] * 4, layer="[256,64]"),  # the model packs its rows
        calls(*[BATCH] * 4, compute_us=250),
    ],
)
def test_what_is_little_or_not_computed_is_fine(recorded: Recording) -> None:
    verdict = verdict_of(RULE, recorded)
    assert (verdict.outcome, verdict.reason) == (Outcome.CLEAR, "")


def test_a_model_that_takes_no_mask_is_fine() -> None:
    built = recording('main: 0-9 request | main: 0-9 op aten::mm {"dims":[[8,8]],"types":[]}')
    built.header.model_calls = [0]
    assert verdict_of(RULE, built).outcome is Outcome.CLEAR


def test_a_mask_on_the_device_cannot_be_judged() -> None:
    verdict = verdict_of(RULE, calls(*[BATCH] * 4, seen=False))
    assert verdict.outcome is Outcome.UNKNOWN and "host's memory" in verdict.reason


def test_a_foreign_trace_does_not_tell() -> None:
    built = recording('main: 0-9 request | main: 0-9 op aten::mm {"dims":[[8,8]],"types":[]}')
    assert verdict_of(RULE, built).outcome is Outcome.UNKNOWN
