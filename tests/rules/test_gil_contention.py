"""gil-contention: requests that wait for the interpreter."""

from __future__ import annotations

import dataclasses

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "gil-contention"

REQUESTS = """
    main: 0-1000000 request plain
    main: 1000000-2000000 request plain
"""
WAITS = "main: 0-600000 stack 30 serve.py:10:main > serve.py:21:handle !gil\n"
"""30 % of two seconds."""
WORKS = "main: 600000-2000000 stack 70 serve.py:10:main > serve.py:22:handle\n"
MODEL = "lib/torch/nn/modules/module.py:1:_call_impl"


def helper(span: str, count: int, state: str = "", line: int = 7) -> str:
    path = f"serve.py:{line}:count_words > lib/json/decoder.py:5:decode"
    return f"t2: {span} stack {count} {path} {state}\n"


def with_cores(built: Recording, usable: int) -> Recording:
    cpu = built.header.machine.cpu.model_copy(update={"usable": usable})
    machine = built.header.machine.model_copy(update={"cpu": cpu})
    return dataclasses.replace(built, header=built.header.model_copy(update={"machine": machine}))


def test_a_helper_thread_that_runs_python() -> None:
    text = REQUESTS + WAITS + WORKS + helper("0-600000", 30)
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 300_000_000)
    owner, waiter = finding.where
    assert owner.name == "count_words (serve.py:7)"
    assert owner.detail == "holds the GIL in 100 % of the waits"
    assert waiter.name == "handle (serve.py:21)" and "waits for the GIL" in waiter.detail
    assert "count_words" in finding.why and "handle" in finding.why
    assert finding.title.startswith("Move other threads' Python work")
    compile(finding.fix.code, "fix", "exec")


def test_the_hottest_line_of_the_helper_is_named() -> None:
    text = REQUESTS + WAITS + WORKS + helper("0-400000", 20, line=8) + helper("400000-600000", 10)
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.where[0].name == "count_words (serve.py:8)"
    assert finding.where[0].time_ns == 300_000_000


def test_a_thread_of_a_library_has_no_line_of_the_users() -> None:
    text = REQUESTS + WAITS + WORKS + "t2: 0-600000 stack 30 lib/prometheus.py:3:collect"
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.where[0].name == "collect (prometheus.py:3)"


def test_serving_threads_that_wait_for_each_other() -> None:
    text = """
        main: 0-1000000 request plain
        t2: 0-1000000 request plain
        main: 0-500000 stack 25 serve.py:21:handle !gil
        t2: 0-500000 stack 25 serve.py:30:tokenize
        main: 500000-1000000 stack 25 serve.py:30:tokenize
        t2: 500000-1000000 stack 25 serve.py:21:handle !gil
    """
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.title.startswith("Serve from processes")
    assert finding.where[0].name == "tokenize (serve.py:30)"
    assert finding.saving.high_ns == 500_000_000
    compile(finding.fix.code, "fix", "exec")


def test_a_thread_within_a_model_is_not_blamed_while_another_runs_python() -> None:
    model = f"t3: 0-600000 stack 30 serve.py:90:refresh > {MODEL}\n"
    text = REQUESTS + WAITS + WORKS + helper("0-600000", 30) + model
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert [one.name for one in finding.where] == [
        "count_words (serve.py:7)",
        "handle (serve.py:21)",
    ]


@pytest.mark.parametrize(
    "text",
    [
        # both run: the other is in native code that gives the interpreter away
        REQUESTS + "main: 0-2000000 stack 100 serve.py:21:handle\n" + helper("0-2000000", 100),
        # waits for work between requests, not in one
        "main: 0-1000000 request plain | main: 0-1000000 stack 50 serve.py:22:handle\n"
        + "main: 1000000-2000000 stack 50 serve.py:2:loop !gil\n" + helper("0-2000000", 100),
        # 4 % of the wall
        REQUESTS + "main: 0-80000 stack 4 serve.py:21:handle !gil\n" + helper("0-80000", 4)
        + "main: 80000-2000000 stack 96 serve.py:22:handle\n",
        # a lock is no wait for the interpreter
        REQUESTS + WORKS + WAITS.replace("!gil", "!lock") + helper("0-600000", 30),
    ],
)  # fmt: skip
def test_silent(text: str) -> None:
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_on_one_core_threads_take_turns_anyway() -> None:
    built = recording(REQUESTS + WAITS + WORKS + helper("0-600000", 30), gpus=())
    assert verdict_of(RULE, with_cores(built, 1)).outcome is Outcome.CLEAR
    assert verdict_of(RULE, with_cores(built, 2)).outcome is Outcome.FOUND


def test_waits_that_kernels_hide_cost_nothing() -> None:
    text = (REQUESTS + WAITS + WORKS + helper("0-600000", 30)).replace("plain", "traced")
    assert (
        verdict_of(RULE, recording(text + "s7: 0-600000 kernel gemm #1")).outcome is Outcome.CLEAR
    )
    half = verdict_of(RULE, recording(text + "s7: 0-300000 kernel gemm #1"))
    assert half.findings[0].saving.high_ns == 150_000_000


@pytest.mark.parametrize("state", ["!lock", "!sleep", "!io", "!gil"])
def test_unknown_while_nobody_was_seen_to_hold_it(state: str) -> None:
    text = REQUESTS + WAITS + WORKS + helper("0-600000", 30, state)
    verdict = verdict_of(RULE, recording(text, gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN and "who held it" in verdict.reason


def test_unknown_with_few_samples_or_none() -> None:
    few = REQUESTS + "main: 0-100000 stack 10 serve.py:21:handle !gil\n" + helper("0-100000", 10)
    assert "too few" in verdict_of(RULE, recording(few, gpus=())).reason
    assert verdict_of(RULE, recording(REQUESTS, gpus=())).outcome is Outcome.UNKNOWN
