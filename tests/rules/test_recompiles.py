"""recompiles: torch.compile at work in one request after the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "recompiles"

MARKS = (
    "range _compile.compile_inner (dynamo_timed)",
    "op _compile.compile_inner (dynamo_timed)",
    "python torch/_dynamo/convert_frame.py(900): _compile",
)


def served(compiles: tuple[bool, ...], mark: str = MARKS[1]) -> Recording:
    """Requests of 10 ms: 4 ms for the compiler in some, 5 ms for the model in all."""
    rows = []
    for place, does in enumerate(compiles):
        at = 10_000 * place
        rows.append(f"main: {at}-{at + 10_000} request")
        rows += [f"main: {at}-{at + 4_000} {mark}"] * does
        rows.append(f"main: {at + 5_000}-{at + 10_000} op Torch-Compiled Region: 0/{place}")
    return recording("\n".join(rows))


@pytest.mark.parametrize("mark", MARKS)
def test_a_compilation_in_each_request_is_found(mark: str) -> None:
    (finding,) = verdict_of(RULE, served((True,) * 4, mark)).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (3_600_000, 4_000_000)
    assert "4 of 4 requests" in finding.why and finding.saving.confidence == "A"
    compile(finding.fix.code, "fix", "exec")


def test_the_line_that_calls_the_model_is_named() -> None:
    """Nothing is sampled under the tracer, so nothing tells which lines compiled."""
    one = served((True,) * 4)
    rows = "main: 40000-50000 stack 5 serve.py:9:main > serve.py:30:embed"
    sampled = recording(f"main: 40000-50000 request plain | {rows}")
    call = len(sampled.stacks.calls) - 1
    header = one.header.model_copy(update={"model_calls": [call]})
    (finding,) = verdict_of(RULE, replace(one, header=header, stacks=sampled.stacks)).findings
    assert finding.where[0].name == "embed (serve.py:30)"


def test_the_mean_request_pays_its_part() -> None:
    (finding,) = verdict_of(RULE, served((True, False, False, True))).findings
    assert finding.saving.high_ns == 2_000_000 and "2 of 4 requests" in finding.why


@pytest.mark.parametrize(
    "compiles",
    [
        (False,) * 4,
        (True, False, False, False),  # a cold start
        (True, True, False, False, False),  # static sizes first, then dynamic ones
        (False, False, False, True),  # one size was met for the first time
    ],
)
def test_what_settles_is_no_recompilation(compiles: tuple[bool, ...]) -> None:
    assert verdict_of(RULE, served(compiles)).outcome is Outcome.CLEAR


def test_each_compilation_is_reported_by_one_rule() -> None:
    again, once = served((True,) * 4), served((True, False, False, False))
    assert verdict_of("warmup-in-window", again).outcome is Outcome.CLEAR
    assert verdict_of("warmup-in-window", once).outcome is Outcome.FOUND


def test_calls_of_compiled_code_are_steady() -> None:
    guards = served((True,) * 4, "python torch/_dynamo/eval_frame.py(600): _fn")
    assert verdict_of(RULE, guards).outcome is Outcome.CLEAR


def test_without_requests_a_first_compilation_looks_alike() -> None:
    verdict = verdict_of(RULE, recording(f"main: 0-4000 {MARKS[0]} | main: 4000-9000 op linear"))
    assert verdict.outcome is Outcome.UNKNOWN and "marked requests" in verdict.reason


def test_without_ops_there_is_no_verdict() -> None:
    assert verdict_of(RULE, recording("main: 0-100 request")).outcome is Outcome.UNKNOWN
